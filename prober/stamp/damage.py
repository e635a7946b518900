"""Whose was it? What is left of a damaged token, and the number it had.

The slow and exact part: it sees only what the bulk scan did not find perfect.
"""

import functools
from collections.abc import Callable, Iterator

from prober.stamp.token import (
    AID_CYCLE,
    AIDS,
    CYCLE,
    HIGH,
    HIGH_CHECK,
    LOW,
    LOW_CHECK,
    MARK,
    MARKER,
    RUN,
    SEQUENCE,
    high_check,
    low_check,
    seed_of,
)

_MAX_RUN_DAMAGE = 3
"""Bytes of the run's field that may differ before it is taken for another run's."""
_MAX_AID_DAMAGE = 2
"""Bytes of mark and cycle that may differ from an aid's before it is a message's."""
# What a damaged token has against it that its sequence number be a given one.
_BYTE = 2
"""A byte that differs from what it would have been."""
_ELSEWHERE = 3
"""A second check that does not fit, whatever in it: the time or the content may be
damaged, which nobody can put right. A little more than a byte, so that a number wins
which makes the check fit at the price of one."""
_MAX_AGAINST = 5 * _BYTE
_MAX_UNVOUCHED = 1
"""Digits of the first check that may differ: the other three vouch for the number."""


class Damage:
    """Tells which of one run's messages a damaged token belonged to.

    `cycle_of` tells the cycle of a sequence number, None for one that is not in the
    plan; it decides what a damaged stamp may be taken for.
    """

    def __init__(self, run: bytes, cycle_of: Callable[[int], int | None]) -> None:
        self._run = run
        self._cycle_of = cycle_of

    def assess(self, token: bytes, survives: bytes) -> tuple[bool, int | None]:
        """Tell whether a token was a message of the run, and the number if it shows."""
        if _distance(token[RUN], self._run) > _MAX_RUN_DAMAGE:
            return False, None  # another run's, or a lookalike
        sequence = self._nearest(token, survives)
        # Nothing depends on an aid, and a run's name alone is no stamp.
        ours = sequence is not None or (self._marked(token) and not _like_aid(token))
        return ours, sequence

    def _marked(self, token: bytes) -> bool:
        anchor = MARKER + self._run
        return _distance(token[: len(anchor)], anchor) <= _MAX_RUN_DAMAGE

    def _nearest(self, token: bytes, survives: bytes) -> int | None:
        """Return the sequence number that a damaged token had, if it can be told.

        The fields vouch for each other. For every number near the one read it is asked
        what the token then has against it; the least wins, if it is little, and alone.

            token   … 00000012 … 00000009234 e1c70b2d
            9234    a digit of the cycle, which were 92, and the second check
            1234    a digit of its own, and nothing else: this one
        """
        ranked = sorted(self._against(token, seed_of(survives)))
        if not ranked or ranked[0][0] > _MAX_AGAINST:
            return None
        alone = len(ranked) == 1 or ranked[0][0] < ranked[1][0]
        return ranked[0][1] if alone else None

    def _against(self, token: bytes, seed: int) -> Iterator[tuple[int, int]]:
        """Yield what a token has against the numbers that it may have had."""
        for number, digits in _near(token[SEQUENCE], token[LOW_CHECK]):
            low = _distance(low_check(digits[-3:]), token[LOW_CHECK])
            cycle = self._cycle_of(number)
            if low <= _MAX_UNVOUCHED and cycle is not None:
                wrong = low + _distance(digits, token[SEQUENCE])
                head = self._against_head(token, cycle, digits, seed)
                yield _BYTE * wrong + head, number

    def _against_head(self, token: bytes, cycle: int, digits: bytes, seed: int) -> int:
        renewed = bytearray(token[: LOW.start])
        renewed[: len(MARKER)], renewed[RUN] = MARKER, self._run
        renewed[CYCLE], renewed[HIGH] = b"%08d" % cycle, digits[:-3]
        head = bytes(renewed)
        check = _distance(high_check(head, seed), token[HIGH_CHECK])
        wrong = _distance(head[CYCLE], token[CYCLE])
        return _BYTE * wrong + min(_BYTE * check, _ELSEWHERE)


def _distance(one: bytes, other: bytes) -> int:
    """How many bytes differ; what one is shorter by, differs."""
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return max(len(one), len(other)) - same


def _like_aid(token: bytes) -> bool:
    """Tell whether mark and cycle are those of a primer or trailer, or nearly."""
    wrong = _distance(token[CYCLE], b"%08d" % AID_CYCLE)
    return wrong + (token[MARK] not in AIDS) <= _MAX_AID_DAMAGE


def _near(digits: bytes, check: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers that eleven digits, not all as they were, may have been.

    They are the number read, all that differ from it in one digit, and each with its
    low digits taken from their check.
    """
    high, low = digits[:-3], digits[-3:]
    told = _low_by_check().get(check, low)
    forms = {high + each for each in (low, told, *_one_digit_off(low))}
    forms |= {each + end for each in _one_digit_off(high) for end in (low, told)}
    for form in forms:
        if form.isdigit():
            yield int(form), form


@functools.cache
def _low_by_check() -> dict[bytes, bytes]:
    """Return the three digits of each first check: no two of the thousand are alike."""
    every = (b"%03d" % low for low in range(1000))
    return {low_check(digits): digits for digits in every}


def _one_digit_off(digits: bytes) -> Iterator[bytes]:
    """Yield all that differ from what was read in one place, and have a digit there."""
    for place, read in enumerate(digits):
        for digit in b"0123456789":
            if digit != read:
                yield digits[:place] + bytes([digit]) + digits[place + 1 :]
