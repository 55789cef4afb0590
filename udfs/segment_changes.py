"""Segment changes as records: what the topic of segments carries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from udfs.blocks import pack_block
from udfs.update import CAUSES


def change_id(user: bytes, sequence: int, cause: str) -> str:
    """Make the id from content, so that a change emitted twice has the same one."""
    return hashlib.blake2b(b"\x1f".join((user, str(sequence).encode(), cause.encode())), digest_size=12).hexdigest()


def pack_changes(users: Sequence[bytes], changes: NDArray[np.void], model_version: str) -> bytes:
    """Encode the changes of a payload as a block of ``segment_change`` records.

    Parameters
    ----------
    users
        The payload's users.
    changes : CHANGE[n]
        Changes as the kernel gives them; `user` is a position in `users`.
    model_version
        Version of the bundle whose segments these are.
    """
    records = []
    for user_index, sequence, event_time, before, after, cause, focus_before, focus_after in changes.tolist():
        user = users[user_index]
        records.append(
            {
                "change_id": change_id(user, sequence, CAUSES[cause]),
                "user_id": user.decode(),
                "sequence": sequence,
                "event_time": event_time,
                "from_segment": before,
                "to_segment": after,
                "cause": CAUSES[cause],
                "focus_before": focus_before,
                "focus_after": focus_after,
                "model_version": model_version,
            }
        )
    return pack_block("segment_change", records)
