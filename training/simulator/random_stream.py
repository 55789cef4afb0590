"""Random numbers inside compiled loops: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).

A stream is an array of one uint64, so each shopper can have her own, and no version of NumPy changes what a seed means.
"""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
UNIT = 2.0**-53


@njit(cache=True, nogil=True)
def mix(number: int) -> int:
    """Scatter 64 bits; different numbers stay different."""
    z = np.uint64(number)
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def uniform(stream: NDArray[np.uint64]) -> float:
    """Draw from [0, 1)."""
    stream[0] += GAMMA
    return np.float64(mix(stream[0]) >> np.uint64(11)) * UNIT


@njit(cache=True, nogil=True)
def below(stream: NDArray[np.uint64], end: int) -> int:
    """Draw one of 0, 1 … end - 1."""
    return np.int64(uniform(stream) * end)


@njit(cache=True, nogil=True)
def normal(stream: NDArray[np.uint64]) -> float:
    """Draw from the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(stream)))
    return radius * math.cos(2.0 * math.pi * uniform(stream))
