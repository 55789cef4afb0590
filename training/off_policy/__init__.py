"""What another policy would have earned, from a log of what one policy showed."""
