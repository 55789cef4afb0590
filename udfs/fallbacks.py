"""Fall-backs of one model after those of another."""

from __future__ import annotations

from collections.abc import Mapping


def replacing(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give the fall-backs of a new model, and for segments that only the old one has what everybody is shown: pages still ask for them.

    Parameters
    ----------
    old, new
        Values by key without prefix, as `Ranker.fallbacks` gives them, for the same surfaces.

    Examples
    --------
    >>> replacing({"rec:default:home": b"old", "rec:default:7:home": b"7"}, {"rec:default:home": b"new"})
    {'rec:default:7:home': b'new', 'rec:default:home': b'new'}
    """
    gone = {key: new[f"rec:default:{key.rpartition(':')[2]}"] for key in old if key not in new}
    return {**gone, **new}
