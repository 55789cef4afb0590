"""Texts in Flink's SQL."""

from __future__ import annotations


def text(value: str) -> str:
    """Quote a text literal.

    Examples
    --------
    >>> text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"
