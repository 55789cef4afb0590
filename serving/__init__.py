"""What a shop's front end talks to."""
