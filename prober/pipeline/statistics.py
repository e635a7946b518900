"""What the stack knows of itself, as plain facts for callers in Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from prober.records import BufferDrops


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferStatistics:
    """One buffer, summed over its rings: one each life of its owner or subscription.

    The `tracked_` counts are of the envelopes that the stack was asked to track, and
    exact: what was written was read, is inside, was left or was dropped.
    """

    buffer: str
    """`agent ingress`, `agent egress`, `router 1 ingress`, `router 1 egress`, …"""
    ring: int
    """Its size in envelopes; of `agent egress`, which is no ring, that of a batch."""
    written: int
    read: int
    missed: int
    """Those that the buffer is known to have dropped: a ring tells on the next read."""
    tracked_written: int
    tracked_read: int
    tracked_left: int
    """Not dropped: still inside when the subscription ended or the owner was killed."""

    tracked_inside: int
    """Not dropped, and would still be read."""

    @property
    def tracked_dropped(self) -> int:
        """Tracked envelopes that went in, and will never come out."""
        return self.tracked_written - self.tracked_read - self.tracked_held

    @property
    def tracked_held(self) -> int:
        """Tracked envelopes that went in, did not come out, and were not dropped."""
        return self.tracked_left + self.tracked_inside


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatistics:
    """What one component counted since the stack was entered, in envelopes."""

    component: str
    """`agent`, or `agent 1`, … of several; `router 1`, …, `rlp`."""
    ingress: int
    egress: int
    dropped_ingress: int
    dropped_egress: int
    subscriptions: int
    """Open now; of the agent: its connections to routers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatistics:
    """All components and buffers, in the order in which an envelope meets them."""

    components: tuple[ComponentStatistics, ...]
    buffers: tuple[BufferStatistics, ...]

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `dataclasses.asdict` was given."""
        return cls(
            components=tuple(ComponentStatistics(**c) for c in plain["components"]),
            buffers=tuple(BufferStatistics(**b) for b in plain["buffers"]),
        )

    def drops(self) -> tuple[BufferDrops, ...]:
        """Return what each buffer dropped of the tracked envelopes."""
        return tuple(
            BufferDrops(
                buffer=b.buffer,
                dropped=b.tracked_dropped,
                ring=b.ring,
                written=b.tracked_written,
                held=b.tracked_held,
            )
            for b in self.buffers
        )
