"""Methods of the literature that a bundle is compared with: one a file, each with its source and its published settings.

Every method learns from sessions alone and ranks all items after the beginning of a session, as those papers do it: the item just seen
may be shown again, and what a method has no score for is filled up with the most popular items.
"""

from training.baselines.ar import AR
from training.baselines.base import Baseline, Lists, Prefixes, Training
from training.baselines.pop import POP
from training.baselines.sknn import SKNN
from training.baselines.sr import SR
from training.baselines.stan import STAN
from training.baselines.vsknn import VSKNN

__all__ = ["AR", "POP", "SKNN", "SR", "STAN", "VSKNN", "Baseline", "Lists", "Prefixes", "Training"]
