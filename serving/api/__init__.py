"""The HTTP API that pages read recommendations from."""
