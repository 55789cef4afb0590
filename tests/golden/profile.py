"""Golden bytes of the stored profile: one with a value of its own in every field, and the bytes it has had since the version came out.

A file here is never changed. A new version gets one of its own: `python -m tests.golden.profile` prints that of the present one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udfs.profile import VERSION, empty_profiles, pack_profiles

FOLDER = Path(__file__).parent
TIME = 1_709_553_851_297
NUMBERS = {
    "device": 2,
    "country": ord("D") + 256 * ord("E"),
    "n_events": 70_001,
    "first_time": TIME - 90 * 86_400_000,
    "last_time": TIME,
    "clock": TIME + 600_000,
    "visit_start": TIME - 300_001,
    "visits": 300,
    "visit_events": 65_535,
    "segment": 1002,
    "engagement_ms": 2**32 - 1,
    "price_sum": 1234.56,
    "price_n": 17,
    "monetary": -0.1,
    "last_purchase_time": TIME - 5,
    "cart_deadline": TIME + 600_000,
    "cart_items": 40_000,
    "abandoned": 258,
    "focus": 0xFEDCBA98,
    "shift_time": TIME - 7,
    "shifts": 259,
    "items_n": 3,
    "bought_n": 2,
    "seen_n": 5,
}
#: What version 2 has beside: the numbers of the header, and the affinity of the two categories.
SINCE_2 = {"segments_of": 0x89ABCDEF, "click_propensity": 0.5, "purchase_propensity": 0.0625, "churn_risk": 0.9990234375}
AFFINITY = [255, 7]
USED = 2


def golden(version: int = VERSION) -> NDArray[np.void]:
    """The profile: three items, two bought, two categories, five event ids; what an older version does not know is 0."""
    profiles = empty_profiles(1)
    profile = profiles[0]
    if version >= 2:
        for name, value in SINCE_2.items():
            profile[name] = value
        profile["categories"]["affinity"][:USED] = AFFINITY
    for name, value in NUMBERS.items():
        profile[name] = value
    profile["counts"] = [1, 2, 300, 4, 5, 6, 7, 8, 9, 65_535]
    profile["items"]["item"][:3] = [2**64 - 1, 0x0123456789ABCDEF, 1]
    profile["items"]["kind"][:3] = [4, 7, 13]
    profile["items"]["visit"][:3] = [43, 44, 255]
    profile["bought"][:2] = [0x89ABCDEF, 1]
    profile["categories"]["category"][:USED] = [0xFEDCBA98, 1]
    profile["categories"]["own"][:USED] = [-887, 32_767]
    profile["categories"]["evidence"][:USED] = [0, 2303]
    profile["categories"]["short"][:USED] = [[1, 2, 3, 4, 5, 255], [0] * 6]
    profile["categories"]["long"][:USED] = [[1, 2, 300, 65_535], [0, 0, 0, 1]]
    profile["seen"][:5] = [1, 2**48 - 1, 0x0123456789AB, 4, 5]
    return profiles


def stored(version: int = VERSION) -> bytes:
    """The bytes as they were when the version came out."""
    return bytes.fromhex((FOLDER / f"profile.v{version}.hex").read_text(encoding="ascii"))


if __name__ == "__main__":
    text = pack_profiles(golden())[0].hex()
    sys.stdout.write("\n".join(text[at : at + 120] for at in range(0, len(text), 120)) + "\n")
