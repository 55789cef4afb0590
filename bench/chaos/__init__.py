"""The job among servers that are killed: what is lost, what is stale, how long it takes to recover."""
