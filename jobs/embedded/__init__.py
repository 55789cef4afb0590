"""What stands in, without installation, for a cluster's parts: Java, Redis."""
