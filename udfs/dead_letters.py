"""Dead letters: what could not be used, as it came, with the reason."""

from __future__ import annotations

from collections.abc import Iterable

from udfs.blocks import pack_block
from udfs.collapse import DeadLetter


def pack_dead_letters(letters: Iterable[DeadLetter], failed_at: int) -> bytes:
    """Encode dead letters as a block of ``dead_letter`` records.

    Parameters
    ----------
    letters
        The letters.
    failed_at
        Now, in ms.
    """
    return pack_block("dead_letter", ({**letter._asdict(), "failed_at": failed_at} for letter in letters))
