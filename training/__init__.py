"""History to features, model and bundle; the simulated shop; importers."""
