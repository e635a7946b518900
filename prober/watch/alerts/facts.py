"""What alerts are made of: what is known of each environment at one time."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import numpy as np

from prober import slo
from prober.history import COUNTED, CycleRecord, Live
from prober.records import State
from prober.report.now import Silence
from prober.watch.standing import Standing

PAGE = ""
"""In place of an environment: the page, and so metrics and health."""

Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that fires: who it is, and what is to be said of it.

    Labels are its identity and never change; figures stand in the sentences.
    """

    name: str
    severity: Severity
    labels: Mapping[str, str]
    summary: str
    """One line, with the numbers."""
    description: str
    """What is known beside, and what to do."""
    environments: tuple[str, ...] = ()
    """Those that it is about, where its labels name none."""

    def __post_init__(self) -> None:
        if not self.environments and "env" in self.labels:
            object.__setattr__(self, "environments", (self.labels["env"],))

    @property
    def key(self) -> str:
        """Its identity as one string."""
        told = {"alertname": self.name, "severity": self.severity, **self.labels}
        return ",".join(f"{name}={value}" for name, value in sorted(told.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """A certificate of ours, and when it ends."""

    environment: str
    """Whose messages need it; `PAGE` for the page's own."""
    what: str
    """Which one: `the client's certificate for the agent at 127.0.0.1:3458`."""
    file: str
    ends_ns: int


class Tail:
    """The latest final cycles of one consumer, as far back as any rule looks."""

    def __init__(self, length_ns: int) -> None:
        self._length_ns = length_ns
        self._columns = {name: array("q") for name in ("final", "bad", "total")}
        self._flags = {name: array("b") for name in ("valid", "excluded")}
        self.idle: list[CycleRecord] = []
        """The cycles since the last that counts, excluded ones not among them: the
        first three, and the last."""
        self.idle_cycles = 0
        self.last: CycleRecord | None = None

    def add(self, cycle: CycleRecord) -> None:
        """Take in the next final cycle."""
        final_ns = cycle.final_ns or cycle.scheduled_ns
        self.last = cycle
        self._columns["final"].append(final_ns)
        self._columns["bad"].append(cycle.bad)
        self._columns["total"].append(cycle.total)
        self._flags["valid"].append(cycle.state in COUNTED)
        self._flags["excluded"].append(cycle.state is State.EXCLUDED)
        self._count_idle(cycle)
        self._trim(final_ns - self._length_ns)

    def _count_idle(self, cycle: CycleRecord) -> None:
        if cycle.state in COUNTED:
            self.idle, self.idle_cycles = [], 0
        elif cycle.state is not State.EXCLUDED:
            self.idle = [*self.idle[:3], cycle]
            self.idle_cycles += 1

    def _trim(self, before_ns: int) -> None:
        """Let go of what no rule looks at, a good part at a time."""
        final = self._columns["final"]
        old = int(np.searchsorted(np.asarray(final), before_ns))
        if old > len(final) // 2:
            for column in (*self._columns.values(), *self._flags.values()):
                del column[:old]

    def record(self) -> slo.Record:
        """Return what rules are held against."""
        final, bad, total = (
            np.array(self._columns[name], dtype=np.int64)
            for name in ("final", "bad", "total")
        )
        valid, excluded = (
            np.array(self._flags[name], dtype=np.bool_)
            for name in ("valid", "excluded")
        )
        order = np.argsort(final, kind="stable")
        return slo.Record(
            final[order],
            bad=bad[order],
            total=total[order],
            valid=valid[order],
            excluded=excluded[order],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One environment, as rules see it."""

    name: str
    target: Decimal | None
    window_s: int
    every_s: int
    tails: Mapping[str, Tail]
    """By consumer."""
    live: Live | None
    standing: Standing | None
    hint: str = ""
    """What somebody who is woken can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything at one time."""

    at_ns: int
    environments: Sequence[Environment]
    silent: Sequence[Silence] = ()
    """Environments of neighbours that nobody speaks of any more."""
    expiries: Sequence[Expiry] = ()
    burning: Mapping[tuple[str, str], frozenset[slo.Rule]] = field(default_factory=dict)
    """By environment and consumer: the burn-rate rules that fired before."""


def sentences(*parts: str) -> str:
    """Return parts that are not empty as sentences of one text."""
    return " ".join(f"{part}." for part in parts if part)


def several(names: Iterable[str], most: int = 5) -> str:
    """Return names in one breath, the first few of many."""
    told = sorted(set(names))
    more = len(told) - most
    return ", ".join(told[:most]) + (f" and {more} more" if more > 0 else "")
