"""The page on a bundle's segments, for people who sell: what it says (`document`, `history`), and how it looks (`page`)."""

from training.segmentation.report.document import segments_document
from training.segmentation.report.page import render_page

__all__ = ["render_page", "segments_document"]
