"""Which candidate becomes the segments, and why, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from training.segmentation.assessing import ALIKE, Candidate


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """Choose the candidate with the best score; of those that are alike, that with the fewest segments, and of these the first.

    Parameters
    ----------
    candidates
        As `assess` gives them, the simplest method first.

    Returns
    -------
    Candidate or None
        None if there is none with two segments.
    """
    scored = [(candidate.score, candidate) for candidate in candidates if candidate.score is not None]
    if not scored:
        return None
    best = max(score for score, _ in scored)
    return min((candidate for score, candidate in scored if score >= best - ALIKE), key=lambda candidate: len(candidate.sizes))


def explain(chosen: Candidate | None, candidates: Sequence[Candidate]) -> str:
    """Say why, for people who do not know what a silhouette is."""
    if chosen is None:
        return "There are too few shoppers, or they are too much alike, to tell groups apart; there is one group for each kind of device."
    silhouette, stability = chosen.silhouette or 0.0, chosen.stability or 0.0
    apart = "clearly" if silhouette >= 0.5 else "fairly well" if silhouette >= 0.25 else "only loosely"
    again = "nearly the same groups" if stability >= 0.9 else "much the same groups" if stability >= 0.7 else "groups that differ in part"
    text = (
        f"Of {len(candidates)} ways of grouping, {chosen.method} with {len(chosen.sizes)} groups came out best: the groups are {apart} "
        f"apart (silhouette {silhouette:.2f}), and grouping other samples of shoppers gave {again} (stability {stability:.2f})."
    )
    return text if chosen.refused is None else f"{text} No way kept to the limits of size: {chosen.refused}."
