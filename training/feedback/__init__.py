"""What became of recommendations, and whether the shop is still the one that a model was trained for."""
