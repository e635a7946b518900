"""A leg's account as bytes: legs may run in other processes, or on other machines.

What is sent is versioned. A leg tells now and then what came since it last told
(`Tally.drain`); the parts, merged in any order, are what the leg saw.

    leg      arrive … drain → pack ──bytes──> unpack → Ledger.merge
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from prober.errors import InternalError
from prober.histogram import Frozen, Histogram
from prober.ledger.tally import OF_CYCLE, Fate, Tally
from prober.ledger.window import Window
from prober.plan import Plan
from prober.records import Evidence, Kind

VERSION = 1
"""Of the form that is written here; no other one is read."""
_FAST = 1
"""The level of compression: fates are mostly all alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What one reader saw, and what it knows of its own connection."""

    tally: Tally
    evidence: Sequence[Evidence] = ()


class _Snapshot(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A leg at rest; the version comes first, whatever follows it."""

    version: int
    messages: int
    cycles: int
    """The plan's: what another plan counts cannot be merged."""
    kinds: tuple[Kind, ...]
    first: int
    fates: bytes
    first_cycle: int
    rows: bytes
    latencies: dict[int, Frozen]
    unexplained: int
    other_runs: int
    highest: int
    evidence: tuple[Evidence, ...]


def pack(leg: Leg) -> bytes:
    """Return a leg's account as bytes."""
    tally = leg.tally
    return msgspec.msgpack.encode(
        _Snapshot(
            version=VERSION,
            messages=tally.plan.messages,
            cycles=tally.plan.cycles,
            kinds=tuple(sorted(tally.kinds, key=lambda kind: kind.value)),
            first=tally.fates.first,
            fates=zlib.compress(tally.fates.values.tobytes(), _FAST),
            first_cycle=tally.cycles.first,
            rows=zlib.compress(tally.cycles.values.tobytes(), _FAST),
            latencies={n: each.freeze() for n, each in tally.latencies.items()},
            unexplained=tally.unexplained,
            other_runs=tally.other_runs,
            highest=tally.highest,
            evidence=tuple(leg.evidence),
        )
    )


def unpack(raw: bytes, plan: Plan) -> Leg:
    """Return the account of a leg of a plan.

    Raises InternalError when it is of another version or of another plan.
    """
    version = _version(raw)
    if version != VERSION:
        raise InternalError(
            f"a leg's account is of version {version}, and this prober reads "
            f"{VERSION}: use the same prober for all legs"
        )
    told = msgspec.msgpack.decode(raw, type=_Snapshot)
    if (told.messages, told.cycles) != (plan.messages, plan.cycles):
        raise InternalError(
            f"a leg counted {told.messages:,} messages in {told.cycles:,} cycles, and "
            f"{plan.messages:,} in {plan.cycles:,} were planned"
        )
    fates = _window(np.dtype(np.uint8), told.first, told.fates)
    tally = Tally(
        plan,
        frozenset(told.kinds),
        fates,
        _window(OF_CYCLE, told.first_cycle, told.rows),
        latencies={n: Histogram.thaw(each) for n, each in told.latencies.items()},
        intact=int(np.count_nonzero(fates.values > Fate.CORRUPT)),
        unexplained=told.unexplained,
        other_runs=told.other_runs,
        highest=told.highest,
    )
    return Leg(tally=tally, evidence=told.evidence)


def _version(raw: bytes) -> object:
    try:
        return msgspec.msgpack.decode(raw)[0]
    except (msgspec.DecodeError, TypeError, IndexError, KeyError):
        return "unknown"


def _window(dtype: np.dtype[np.generic], first: int, raw: bytes) -> Window:
    values = np.frombuffer(zlib.decompress(raw), dtype=dtype)
    window = Window(dtype, first)
    window.reach(first + len(values))
    window.values[:] = values
    return window
