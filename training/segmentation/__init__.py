"""Segments: how shoppers are put into groups, what the groups are called, and what is told of them.

`segment` does it all. One concept a file: `methods` (ways of clustering), `serving` (what the job makes of a clustering), `assessing` and
`choosing` (which one is taken), `matching` (numbers that stay), `levels` (price, intent, propensity), `naming`, `describing`, `mapping`,
`moves`; `report` is the page.
"""

from training.segmentation.finding import Segmentation, most_seen, segment
from training.segmentation.matching import Previous
from training.segmentation.moves import count_moves

__all__ = ["Previous", "Segmentation", "count_moves", "most_seen", "segment"]
