"""Model bundles and what reads them."""
