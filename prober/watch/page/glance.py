"""One environment at first sight: how it stands, in figures, and its last hour."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from markupsafe import Markup

from prober import slo
from prober.clock import NS
from prober.history import CycleRecord
from prober.records import State
from prober.report.answer import left
from prober.report.charts import Chart, Row, Strip, line_of_states, strip
from prober.report.html_parts import Tile
from prober.report.now import Condition
from prober.report.now.conditions import TITLES
from prober.report.now.sentences import elapsed
from prober.report.words import MARKS, STATES, tight
from prober.watch.page.looking import Look, Seen

HOUR_NS = 3_600 * NS
MINUTE_NS = 60 * NS
NONE = "\N{EN DASH}"
"""Stands where there is no figure."""

LOOKS: Mapping[Condition, str] = {
    Condition.LOSING: "bad",
    Condition.NOT_MEASURED: "unsure",
    Condition.OVER_BUDGET: "bad",
    Condition.UNSURE: "unsure",
    Condition.EXCLUDED: "unsure",
    Condition.STARTING: "none",
    Condition.LEFT: "none",
    Condition.OK: "good",
}
"""How a condition looks: shape, word and colour say the same."""
_LEAST_BURN = 0.1
_LEAST_NINES = 0.01
_FEW = 3
"""Environments that are all shown in full, whatever their condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """How many environments are in a condition."""

    count: int
    title: str
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One environment on the first screen."""

    seen: Seen
    look: str
    figures: tuple[Tile, ...]
    """Nines, budget left, burn, gone in, last cycle, measured: always all of them."""
    strip: Markup
    told: str
    """The strip in words."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.seen.now.environment

    @property
    def young(self) -> str:
        """How long it is known, where that is less than its window; else empty."""
        return _young(self.seen)

    @property
    def us(self) -> str:
        """Whether it is our own fault: `no (5 of 5)`; empty where nobody looked."""
        checks = self.seen.now.checks
        well = sum(check.well for check in checks)
        if not checks:
            return ""
        told = (each for each in self.seen.now.lines if each.label == "mine?")
        word = next(told).words.partition(":")[0]  # the same as stands in full
        return f"{word} ({well} of {len(checks)} checks are well)"


def badges(look: Look) -> tuple[Badge, ...]:
    """Return how many environments are how, the worst first."""
    found = Counter(each.now.condition for each in look.seen)
    return tuple(
        Badge(count=found[each], title=TITLES[each], look=LOOKS[each])
        for each in Condition
        if found[each]
    )


def split(look: Look) -> tuple[tuple[Glance, ...], tuple[Glance, ...]]:
    """Return the environments to show in full, and those for a table."""
    found = tuple(glance(each) for each in look.seen)
    if len(found) <= _FEW:
        return found, ()
    loud = tuple(each for each in found if each.look in ("bad", "unsure"))
    return loud, tuple(each for each in found if each not in loud)


def glance(seen: Seen) -> Glance:
    """Return an environment at first sight."""
    states = minutes(seen.known.recent, seen.now.at_ns, step_ns(seen))
    told = Counter(state for state in states if state is not None)
    words = ", ".join(f"{n} {STATES[state]}" for state, n in told.items())
    return Glance(
        seen=seen,
        look=LOOKS[seen.now.condition],
        figures=figures(seen),
        strip=line_of_states(states, f"last 60 minutes: {words or 'no cycle'}"),
        told=words,
    )


def figures(seen: Seen) -> tuple[Tile, ...]:
    """Return the figures that tell how it stands, in their order."""
    now = seen.now
    nines, supports = _nines(seen)
    age = None if now.last_cycle_ns is None else (now.at_ns - now.last_cycle_ns) / NS
    return (
        Tile(figure=nines, label=supports),
        _budget(seen),
        Tile(figure=_burn(now.burn), label="burn rate"),
        _gone(seen),
        Tile(figure=NONE if age is None else elapsed(age), label="since last cycle"),
        Tile(figure=_measured(seen), label=f"measured of {_reach(seen)}"),
    )


def _nines(seen: Seen) -> tuple[str, str]:
    """Return the nines of the worst consumer, and what they are worth."""
    worth = seen.worth
    if worth is None:
        known = seen.now.last_cycle_ns is None or seen.known.window is not None
        return NONE, "nothing counted yet" if known else "not read from history"
    bad, total = worth.bad, worth.total
    bound = max(0.0, -math.log10(worth.upper95))
    supported = f"≥ {int(bound * 100) / 100:.2f}"
    if bad:
        lost = f"{slo.one_in(bad, total)} lost"
        promise = f"supports {supported}" if bound >= _LEAST_NINES else "no nines yet"
        return slo.format_nines(bad, total), f"{lost}; {promise}"
    if bound < _LEAST_NINES:
        return "none lost", f"of {total:,}: too few for nines"
    return f"{supported} nines", f"none of {total:,} lost"


def _budget(seen: Seen) -> Tile:
    """Return what is left of the budget, or how many times over it is spent."""
    now = seen.now
    remaining = now.budget.remaining if now.budget else None
    if remaining is None:
        objective = now.target or seen.known.window is None  # else nobody knows
        return Tile(figure=NONE, label="budget left" if objective else "no objective")
    told = left(Fraction(remaining))
    if remaining < 0:
        times = told.removeprefix("spent ").removesuffix(" times")
        return Tile(figure=f"{times}\N{MULTIPLICATION SIGN}", label="budget spent")
    return Tile(figure=told.removesuffix(" left"), label="budget left")


def _burn(burn: float | None) -> str:
    if burn is None:
        return NONE
    times = "\N{MULTIPLICATION SIGN}"
    if 0 < burn < _LEAST_BURN:
        return f"< {_LEAST_BURN}{times}"
    # Up, so that it never flatters; rounded first, or a float's last bit would add one.
    up = math.ceil(round(burn * 10, 6)) / 10
    return f"{up:,.1f}{times}" if burn else f"0{times}"


def _gone(seen: Seen) -> Tile:
    """Return when nothing of the budget is left, at the pace of now."""
    now = seen.now
    remaining = now.budget.remaining if now.budget else None
    if remaining is not None and remaining <= 0:
        return Tile(figure="already", label="gone")
    if now.gone_in_ns is None or now.gone_in_ns >= now.window_ns:
        told = "not soon" if now.budget and now.burn is not None else NONE
    else:
        told = elapsed(now.gone_in_ns / NS)
    return Tile(figure=told, label="gone in")


def _measured(seen: Seen) -> str:
    coverage = seen.worth.coverage if seen.worth else None
    if coverage is None:
        return NONE
    return "all" if coverage == 1 else tight(coverage)


def _reach(seen: Seen) -> str:
    """Return what its window reaches over: of a young history, so much of it."""
    whole, young = _days(seen.now.window_ns), _young(seen)
    return f"the first {young} of {whole}" if young else whole


def _young(seen: Seen) -> str:
    window = seen.known.window
    first_ns = None if window is None else window.first_ns
    if window is None or first_ns is None or first_ns <= window.from_ns:
        return ""
    return elapsed((seen.now.at_ns - first_ns) / NS)


def _days(window_ns: int) -> str:
    return f"{window_ns / (24 * HOUR_NS):g} d"


def step_ns(seen: Seen) -> int:
    """Return how much time a mark of the strip stands for: a minute, or a cycle."""
    every = seen.now.live.every_ns if seen.now.live else 0
    return max(MINUTE_NS, every)


def minutes(
    cycles: Iterable[CycleRecord], to_ns: int, each_ns: int
) -> tuple[State | None, ...]:
    """Return the worst state of each minute of the hour before a time.

    None where no cycle was due, or the one that was is open.
    """
    count = max(1, HOUR_NS // each_ns)
    from_ns = to_ns - count * each_ns
    found: list[list[State]] = [[] for _ in range(count)]
    for cycle in cycles:
        place = (cycle.scheduled_ns - from_ns) // each_ns
        if cycle.state is not None and 0 <= place < count:
            found[place].append(cycle.state)
    return tuple(_worst(states) for states in found)


def _worst(states: Sequence[State]) -> State | None:
    return next((state for state in MARKS if state in states), None)


def last_hour(seen: Seen, name: str) -> Chart | None:
    """Return the strip of the last hour, a row for each consumer; None without any."""
    now, each_ns = seen.now, step_ns(seen)
    recent = [c for c in seen.known.recent if c.state is not None]
    names = sorted({cycle.consumer for cycle in recent})
    if not names:
        return None
    rows = []
    for consumer in names:
        its = [cycle for cycle in recent if cycle.consumer == consumer]
        counts = Counter(cycle.state for cycle in its if cycle.state)
        states = minutes(its, now.at_ns, each_ns)
        rows.append(Row(name=consumer, states=states, counts=counts))
    from_ns = now.at_ns - len(rows[0].states) * each_ns
    unit = "minute" if each_ns == MINUTE_NS else "cycle in time"
    return strip(
        Strip(name=name, rows=tuple(rows), unit=unit, times=(from_ns, now.at_ns))
    )
