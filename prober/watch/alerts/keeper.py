"""What fires since when, and who was told of it; it survives a restart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from prober import slo
from prober.clock import NS
from prober.watch.alerts import burning, unmeasured, warnings
from prober.watch.alerts.burning import Firing
from prober.watch.alerts.facts import Alert, Environment, Situation

Status = Literal["firing", "resolved"]
KEPT = "alerts/"
"""Under keys that begin so, history keeps what fires, one for each daemon."""
GIVE_UP_NS = 86_400 * NS
"""How long after its end an alert is still told to who could not be reached."""

_CONDITIONS: tuple[Callable[[Situation], list[Alert]], ...] = (
    unmeasured.evaluate,
    warnings.evaluate,
)


@dataclass(slots=True, kw_only=True)
class Entry:
    """One alert from its first moment until everybody was told of its end."""

    alert: Alert
    starts_ns: int
    ends_ns: int | None = None
    """None while it fires."""
    told: dict[str, tuple[Status, int]] = field(default_factory=dict)
    """What each receiver was told last, and when."""

    @property
    def status(self) -> Status:
        """Whether it still fires."""
        return "firing" if self.ends_ns is None else "resolved"

    def due(self, receiver: str, at_ns: int, repeat_ns: int) -> bool:
        """Tell whether a receiver has to hear of it, again or for the first time."""
        status, last_ns = self.told.get(receiver, ("resolved", 0))
        if status != self.status:
            return True
        return self.status == "firing" and at_ns - last_ns >= repeat_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringRule:
    """A burn-rate rule that fires, by what tells it apart."""

    environment: str
    consumer: str
    severity: str
    long_s: int
    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What survives a restart; it is written as JSON, and read back."""

    entries: tuple[Entry, ...] = ()
    burning: tuple[FiringRule, ...] = ()


class Keeper:
    """Holds every rule against what is known, and remembers what fires."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._burning: Firing = {}
        self._restored: tuple[FiringRule, ...] = ()

    @property
    def entries(self) -> Sequence[Entry]:
        """What fires, and what has ended and not everybody knows yet."""
        return tuple(self._entries.values())

    def update(
        self,
        at_ns: int,
        environments: Sequence[Environment],
        receivers: Iterable[str],
        *,
        rest: Situation | None = None,
    ) -> None:
        """Hold all rules against a time, and note what began and what ended.

        `rest` tells what else is known: silent neighbours, certificates.
        """
        situation = Situation(
            at_ns=at_ns,
            environments=environments,
            silent=rest.silent if rest else (),
            expiries=rest.expiries if rest else (),
            burning=self._before(environments),
        )
        burns, self._burning = burning.evaluate(situation)
        found = [*burns, *(a for each in _CONDITIONS for a in each(situation))]
        self._note({each.key: each for each in found}, at_ns)
        self._let_go(at_ns, tuple(receivers))

    def _before(self, environments: Sequence[Environment]) -> Firing:
        """Return the rules that fired before, those of before a restart among them."""
        restored, self._restored = self._restored, ()
        if not restored:
            return self._burning
        rules = {each.name: burning.rules_of(each) for each in environments}
        return {
            (each.environment, each.consumer): frozenset(
                rule
                for rule in rules.get(each.environment, ())
                for kept in restored
                if (kept.environment, kept.consumer)
                == (each.environment, each.consumer)
                and _names(kept, rule)
            )
            for each in restored
        }

    def _note(self, found: Mapping[str, Alert], at_ns: int) -> None:
        for key, alert in found.items():
            entry = self._entries.get(key)
            if entry is None or entry.ends_ns is not None:
                # It began anew, and who was told of its end hears so.
                told = entry.told if entry else {}
                entry = Entry(alert=alert, starts_ns=at_ns, told=told)
            entry.alert = alert
            self._entries[key] = entry
        for key, entry in self._entries.items():
            if entry.ends_ns is None and key not in found:
                entry.ends_ns = at_ns

    def _let_go(self, at_ns: int, receivers: Sequence[str]) -> None:
        """Forget what has ended, once everybody who was told of it knows."""
        self._entries = {
            key: entry
            for key, entry in self._entries.items()
            if entry.ends_ns is None
            or (
                at_ns - entry.ends_ns < GIVE_UP_NS
                and any(entry.due(name, at_ns, 0) for name in receivers)
            )
        }

    def due(self, receiver: str, at_ns: int, repeat_ns: int) -> list[Entry]:
        """Return what a receiver has to hear now."""
        return [e for e in self._entries.values() if e.due(receiver, at_ns, repeat_ns)]

    def heard(self, receiver: str, entries: Iterable[Entry], at_ns: int) -> None:
        """Note that a receiver was told, and took it."""
        for entry in entries:
            entry.told[receiver] = (entry.status, at_ns)

    def state(self) -> State:
        """Return all of it as a record, for a store."""
        rules = tuple(
            FiringRule(
                environment=environment,
                consumer=consumer,
                severity=rule.severity,
                long_s=rule.long_s,
                factor=str(rule.factor),
            )
            for (environment, consumer), firing in self._burning.items()
            for rule in sorted(firing, key=lambda each: each.long_s)
        )
        entries = (replace(e, told=dict(e.told)) for e in self._entries.values())
        return State(entries=tuple(entries), burning=rules)

    def restore(self, state: State) -> None:
        """Go on from what `state` returned."""
        self._entries = {each.alert.key: each for each in state.entries}
        self._restored = state.burning


def severities(states: Iterable[State], environment: str) -> frozenset[str]:
    """Return how loudly alerts fire that concern an environment."""
    return frozenset(
        entry.alert.severity
        for state in states
        for entry in state.entries
        if entry.ends_ns is None and environment in entry.alert.environments
    )


def _names(kept: FiringRule, rule: slo.Rule) -> bool:
    mine = (rule.severity, rule.long_s, str(rule.factor))
    return (kept.severity, kept.long_s, kept.factor) == mine
