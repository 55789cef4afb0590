"""How well a bundle ranks the next item, beside the methods of the literature, on the same data."""

from training.evaluate.evaluate import Evaluation, evaluate
from training.evaluate.through_job import beginnings, refuse_differences

__all__ = ["Evaluation", "beginnings", "evaluate", "refuse_differences"]
