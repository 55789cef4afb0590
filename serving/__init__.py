"""What a shop's pages talk to: the collector, the HTTP API, and a shop to look at."""
