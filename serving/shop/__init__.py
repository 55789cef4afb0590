"""A shop to look at, with the live view and the page for those who run it."""
