"""A leg's account as bytes: legs may run in other processes, or on other machines.

What is sent is versioned. A leg tells now and then what came since it last told
(`Tally.drain`); the parts, merged in any order, are what the leg saw.

    leg      arrive … drain → pack ──bytes──> unpack → Ledger.merge
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

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


_Number = Annotated[int, Meta(ge=0, lt=1 << 62)]


class _Latency(msgspec.Struct, frozen=True, array_like=True):
    """A histogram at rest."""

    buckets: Annotated[dict[_Number, _Number], Meta(max_length=2_000)]
    max_ns: _Number | None
    negative: _Number

    def thaw(self) -> Histogram:
        """Return it as it was."""
        frozen = Frozen(
            buckets=self.buckets, max_ns=self.max_ns, negative=self.negative
        )
        return Histogram.thaw(frozen)


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
    latencies: dict[int, _Latency]
    unexplained: _Number
    other_runs: _Number
    highest: Annotated[int, Meta(ge=-1, lt=1 << 62)]
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
            latencies={n: _frozen(each) for n, each in tally.latencies.items()},
            unexplained=tally.unexplained,
            other_runs=tally.other_runs,
            highest=tally.highest,
            evidence=tuple(leg.evidence),
        )
    )


def _frozen(latency: Histogram) -> _Latency:
    frozen = latency.freeze()
    return _Latency(dict(frozen.buckets), frozen.max_ns, frozen.negative)


def unpack(raw: bytes, plan: Plan) -> Leg:
    """Return the account of a leg of a plan.

    Raises InternalError when it is of another version or of another plan, or damaged.
    """
    version = _version(raw)
    if version != VERSION:
        raise InternalError(
            f"a leg's account is of version {version}, and this prober reads "
            f"{VERSION}: use the same prober for all legs"
        )
    try:
        return _leg(msgspec.msgpack.decode(raw, type=_Snapshot), plan)
    except (ValueError, zlib.error) as error:
        raise InternalError(f"a leg's account cannot be read: {error}") from None


def _leg(told: _Snapshot, plan: Plan) -> Leg:
    if (told.messages, told.cycles) != (plan.messages, plan.cycles):
        raise InternalError(
            f"a leg counted {told.messages:,} messages in {told.cycles:,} cycles, and "
            f"{plan.messages:,} in {plan.cycles:,} were planned"
        )
    fates = _window(np.dtype(np.uint8), told.first, told.fates, plan.messages)
    if fates.values.max(initial=0) > max(Fate):
        raise ValueError("a fate that there is none of")
    tally = Tally(
        plan,
        frozenset(told.kinds),
        fates,
        _window(OF_CYCLE, told.first_cycle, told.rows, plan.cycles),
        latencies={n: each.thaw() for n, each in told.latencies.items()},
        intact=int(np.count_nonzero(fates.values > Fate.CORRUPT)),
        unexplained=told.unexplained,
        other_runs=told.other_runs,
        highest=told.highest,
    )
    return Leg(tally=tally, evidence=told.evidence)


def _version(raw: bytes) -> object:
    try:
        return msgspec.msgpack.decode(raw)[0]
    except (ValueError, TypeError, IndexError, KeyError):
        return "unknown"


def _window(dtype: np.dtype[np.generic], first: int, raw: bytes, end: int) -> Window:
    """Return what is packed, which has to lie before an end: no more is unfolded."""
    unfolding = zlib.decompressobj()
    most = max(0, end - first) * dtype.itemsize
    unfolded = unfolding.decompress(raw, most + 1)
    if not 0 <= first <= end or len(unfolded) > most or not unfolding.eof:
        raise ValueError(f"more than the {end:,} that were planned, or cut off")
    values = np.frombuffer(unfolded, dtype=dtype)
    window = Window(dtype, first)
    window.reach(first + len(values))
    window.values[:] = values
    return window
