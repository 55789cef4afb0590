"""The live view: what the job knows of one shopper while somebody watches, pushed as it changes."""
