"""Golden bytes of a rank request, as state holds it: the golden profile and who asks why.

A file here is never changed: requests are held in savepoints. `python -m tests.golden.request` prints that of the present profile.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.golden.profile import golden
from udfs.profile import VERSION
from udfs.requests import pack_requests

USER, REASONS = "u00ß824".encode(), 5


def encode() -> bytes:
    """The bytes of the golden request."""
    return pack_requests([USER], np.array([REASONS], np.uint8), golden())


def stored(version: int = VERSION) -> bytes:
    """The bytes as they were when that version of the profile came out."""
    return bytes.fromhex((Path(__file__).parent / f"request.v{version}.hex").read_text(encoding="ascii"))


if __name__ == "__main__":
    text = encode().hex()
    sys.stdout.write("\n".join(text[at : at + 120] for at in range(0, len(text), 120)) + "\n")
