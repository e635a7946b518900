"""Lots that are always drawn alike: numbers made from a seed and a counter.

No state and no library's stream, so that a result can be had again on any machine.
"""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def uniforms(seed: int, stream: int, count: int) -> NDArray[np.float64]:
    """Return `count` numbers in [0, 1), the same for the same seed and stream.

    Counters hashed by splitmix64 (Steele, Lea & Flood 2014).
    """
    start = _mix(np.array([(seed + _GOLDEN * (stream + 1)) & _MASK], dtype=np.uint64))
    counters = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return (_mix(start + counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return each value scrambled; multiplication wraps around, as it should."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
