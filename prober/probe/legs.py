"""Which legs of a run are in processes of their own, in place of those in this one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from prober.probe.reading import ReadingLeg
from prober.probe.writing import OpenWriting


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Legs that somebody else made; without any, all are in this process."""

    writing: Sequence[OpenWriting] = ()
    """If there are any, they take the place of all writers."""
    reading: Mapping[str, Callable[[], ReadingLeg]] = field(default_factory=dict)
    """By consumer: each takes the place of that consumer's reader."""
