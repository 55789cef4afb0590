"""A believable shop from a seed: catalogue, shoppers, visits, swerves."""

from training.simulator.simulate import Simulated, simulate

__all__ = ["Simulated", "simulate"]
