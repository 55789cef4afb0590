"""The collector: events from pages into the log."""
