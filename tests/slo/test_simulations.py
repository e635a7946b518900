"""What was simulated to choose the methods, again with fixed seeds, on our own code.

Each simulation also shows a method that fails on the same data, so that it could see a
failure of ours.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from prober import slo
from prober.clock import NS
from prober.slo.alerts import Record

CYCLE = 1000
REPEATS = 1000
Losses = NDArray[np.int64]
"""Bad messages of each cycle of one sample."""
Model = Callable[[np.random.Generator], Losses]


def bursts(
    cycles: int, loss: float, sizes: Callable[[np.random.Generator, int], Losses]
) -> Model:
    """Return a model of bursts at random, so many that `loss` is the mean loss."""
    mean = sizes(np.random.default_rng(0), 100_000).mean()

    def draw(rng: np.random.Generator) -> Losses:
        count = int(rng.poisson(cycles * CYCLE * loss / mean))
        where = rng.integers(cycles, size=count)
        found = np.bincount(where, weights=sizes(rng, count), minlength=cycles)
        return np.minimum(found, CYCLE).astype(np.int64)

    return draw


def constant(size: int) -> Callable[[np.random.Generator, int], Losses]:
    """Return bursts of one size: laps of a ring."""
    return lambda _, count: np.full(count, size)


def heavy(rng: np.random.Generator, count: int) -> Losses:
    """Return bursts of 2 to 20, and every tenth of 200 to 1,000."""
    big = rng.random(count) < 0.1
    return np.where(
        big, rng.integers(200, 1001, count), rng.integers(2, 21, count)
    ).astype(np.int64)


def steady(cycles: int, loss: float) -> Model:
    """Return a model of messages that are lost one by one."""
    return lambda rng: rng.binomial(CYCLE, loss, size=cycles)


def outages(cycles: int, loss: float) -> Model:
    """Return a model of outages of five cycles in the mean, 200 lost in each cycle."""
    ends = 1 / 5
    begins = ends * loss / (200 / CYCLE - loss)

    def draw(rng: np.random.Generator) -> Losses:
        lots = rng.random(cycles)
        out = lots[0] < loss * CYCLE / 200
        states = np.empty(cycles, dtype=np.int64)
        for i, lot in enumerate(lots.tolist()):
            out = lot >= ends if out else lot < begins
            states[i] = out
        return 200 * states

    return draw


def samples(model: Model, repeats: int = REPEATS) -> Iterator[Losses]:
    """Return samples of a model, the same in each run."""
    rng = np.random.default_rng(20261)
    return (model(rng) for _ in range(repeats))


def ours(losses: Losses, burst: int, block: int = CYCLE) -> tuple[float, float]:
    """Return the recommended interval of a sample, two-sided at 95 %."""
    lossy = losses[losses > 0].tolist()
    found = slo.interval(lossy, len(losses) * block, worst_burst=burst)
    return found.lower, found.upper


def naive(losses: Losses) -> tuple[float, float]:
    """Return the binomial interval of a sample."""
    return slo.naive(int(losses.sum()), len(losses) * CYCLE).clopper_pearson


def covered(truth: float, bounds: list[tuple[float, float]]) -> float:
    """Return the share of intervals that hold the truth."""
    return sum(low <= truth <= high for low, high in bounds) / len(bounds)


@pytest.mark.parametrize(
    ("model", "truth", "burst", "least"),
    [
        pytest.param(bursts(300, 1e-3, constant(100)), 1e-3, 100, 0.965, id="laps"),
        pytest.param(
            bursts(300, 1e-4, constant(100)), 1e-4, 100, 0.97, id="mostly-none"
        ),
        pytest.param(bursts(1000, 1e-3, heavy), 1e-3, 1000, 0.95, id="heavy"),
        pytest.param(bursts(1000, 1e-3, constant(1000)), 1e-3, 1000, 0.965, id="wipes"),
        pytest.param(steady(50, 0.02), 0.02, 1, 0.95, id="steady"),
    ],
)
def test_interval_covers(model: Model, truth: float, burst: int, least: float) -> None:
    """The interval holds the true loss in 95 % of samples, however loss is clumped."""
    bounds = [ours(losses, burst) for losses in samples(model)]

    assert least <= covered(truth, bounds)


@pytest.mark.parametrize(
    ("model", "truth", "most"),
    [
        pytest.param(bursts(300, 1e-3, constant(100)), 1e-3, 0.35, id="laps"),
        pytest.param(bursts(300, 1e-4, constant(100)), 1e-4, 0.05, id="mostly-none"),
        pytest.param(bursts(1000, 1e-3, heavy), 1e-3, 0.2, id="heavy"),
        pytest.param(bursts(1000, 1e-3, constant(1000)), 1e-3, 0.45, id="wipes"),
    ],
)
def test_binomial_interval_fails(model: Model, truth: float, most: float) -> None:
    """The binomial interval misses the truth on the same data, most of the time."""
    bounds = [naive(losses) for losses in samples(model)]

    assert covered(truth, bounds) <= most


def test_binomial_interval_covers_where_it_may() -> None:
    """On losses one by one the binomial interval is right: the data are, too."""
    bounds = [naive(losses) for losses in samples(steady(50, 0.02))]

    assert 0.94 <= covered(0.02, bounds)


@pytest.mark.parametrize(
    ("model", "burst"),
    [
        pytest.param(bursts(300, 1e-3, constant(100)), 100, id="laps"),
        pytest.param(bursts(300, 1e-3, heavy), 1000, id="heavy"),
        pytest.param(bursts(1000, 1e-3, constant(1000)), 1000, id="wipes"),
    ],
)
def test_claims_hold(model: Model, burst: int) -> None:
    """Of claims proved, and of claims disproved, at most one in twenty is wrong."""
    bounds = [
        slo.interval(losses.tolist(), len(losses) * CYCLE, worst_burst=burst)
        for losses in samples(model)
    ]

    assert sum(each.upper_one_sided < 1e-3 for each in bounds) <= 0.05 * len(bounds)
    assert sum(each.lower_one_sided > 1e-3 for each in bounds) <= 0.05 * len(bounds)


def test_a_burst_declared_too_small_undercovers() -> None:
    """W is an assumption: four times too small, it claims too much."""
    model = bursts(300, 1e-3, constant(100))
    bounds = [ours(losses, 25) for losses in samples(model)]

    assert covered(1e-3, bounds) < 0.97
    assert covered(1e-3, bounds) < covered(
        1e-3, [ours(losses, 100) for losses in samples(model)]
    )


def test_outages_need_longer_blocks() -> None:
    """Outages outlast a cycle: their cycles are not independent, but hours are."""
    found = list(samples(outages(4320, 1e-3), 300))
    hours = [losses.reshape(-1, 60).sum(axis=1) for losses in found]
    by_cycle = [ours(losses, 200) for losses in found]
    by_hour = [ours(losses, 5 * 200, 60 * CYCLE) for losses in hours]

    assert covered(1e-3, by_cycle) < 0.7
    assert 0.9 < covered(1e-3, by_hour)


def test_outages_are_noticed() -> None:
    """Lossy cycles side by side are found, and blocks lengthened until they are not."""
    found = [
        slo.independent([(int(bad), CYCLE) for bad in losses])[1]
        for losses in samples(outages(4320, 1e-3), 40)
    ]
    calm = [
        slo.independent([(int(bad), CYCLE) for bad in losses])[1]
        for losses in samples(bursts(4320, 1e-3, constant(100)), 100)
    ]

    assert 0.95 <= sum(each > 1 for each in found) / len(found)
    assert sum(each > 1 for each in calm) / len(calm) <= 0.03


# The sequential test, in blocks of 100 messages with bursts of 20.

BLOCK, BURST, P0 = 100, 20, 1e-3


def paths(truth: float, blocks: int, repeats: int) -> NDArray[np.bool_]:
    """Return which blocks lose a burst, one row a repeat."""
    rng = np.random.default_rng(7)
    return rng.random((repeats, blocks)) < truth * BLOCK / BURST


def decisions(lossy: NDArray[np.bool_]) -> list[tuple[str | None, int]]:
    """Return what the e-process decides on each path, and after how many blocks.

    All paths at once, with the bets of `Sequential`, which is held against it below.
    """
    bets = slo.sequential("99.9", worst_burst=BURST, cycle=BLOCK)._bets
    below, above = bets._below[:, None, None], bets._above[:, None, None]
    losses = np.where(lossy, BURST / BLOCK, 0.0)
    with np.errstate(divide="ignore"):
        met = np.log(np.maximum(1 + below * (P0 - losses), 0)).cumsum(axis=2)
    violated = np.log1p(above * (losses - P0)).cumsum(axis=2)
    evidence = (
        np.logaddexp.reduce(met + bets._met[:, None, None], axis=0),
        np.logaddexp.reduce(violated + bets._violated[:, None, None], axis=0),
    )
    first = [_reached(each, np.log(20)).tolist() for each in evidence]
    return [_first(*pair) for pair in zip(*first, strict=True)]


def _reached(evidence: NDArray[np.float64], least: float) -> NDArray[np.int64]:
    """Return where each row first reaches a level, and -1 where it never does."""
    reaches = evidence >= least
    return np.where(reaches.any(axis=1), reaches.argmax(axis=1), -1)


def _first(met: int, violated: int) -> tuple[str | None, int]:
    reached = [
        (at, name) for at, name in ((met, "met"), (violated, "violated")) if at >= 0
    ]
    at, name = min(reached, default=(-1, None))
    return name, at + 1


def rate(name: str, found: list[tuple[str | None, int]]) -> float:
    """Return the share of paths that were decided so."""
    return sum(each == name for each, _ in found) / len(found)


def test_sequential_keeps_its_error_rates() -> None:
    """Exactly on target, neither decision is taken more often than promised."""
    found = decisions(paths(P0, 4000, 300))

    assert rate("met", found) <= 0.05
    assert rate("violated", found) <= 0.05


@pytest.mark.parametrize(
    ("truth", "decision", "least", "most_messages"),
    [
        pytest.param(0.0, "met", 1.0, 72_800, id="clean"),
        pytest.param(P0 / 10, "met", 0.95, 160_000, id="a-tenth"),
        pytest.param(3 * P0, "violated", 0.99, 90_000, id="threefold"),
        pytest.param(10 * P0, "violated", 1.0, 9_000, id="tenfold"),
    ],
)
def test_sequential_decides(
    truth: float, decision: str, least: float, most_messages: int
) -> None:
    """Off target it decides rightly, and early: a fixed size would be 262,962."""
    found = decisions(paths(truth, 5000, 100))
    mean = float(np.mean([blocks for _, blocks in found])) * BLOCK

    assert least <= rate(decision, found)
    assert mean <= most_messages


def test_the_class_decides_alike() -> None:
    """Fed cycle by cycle, the e-process comes to the same decision at the same time."""
    lossy = paths(3 * P0, 600, 4)
    expected = decisions(lossy)

    found = []
    for path in lossy:
        process = slo.sequential("99.9", worst_burst=BURST, cycle=BLOCK)
        told = [process.add(BURST if bad else 0, BLOCK) for bad in path.tolist()]
        blocks = sum(each is None for each in told) + 1 if process.decision else 0
        found.append((process.decision, blocks))

    assert expected == found


def test_naive_sequential_test_fails() -> None:
    """Wald's test of single messages calls exactly-on-target bursts met, mostly."""
    lossy = paths(P0, 4000, 400)
    good, bad = np.log((1 - P0 / 3) / (1 - P0)), np.log(1 / 3)
    steps = np.where(lossy, BURST * bad + (BLOCK - BURST) * good, BLOCK * good)
    ratio = steps.cumsum(axis=1)
    met, violated = (_reached(each, np.log(19)) for each in (ratio, -ratio))

    assert 0.5 < float(((met >= 0) & ((met < violated) | (violated < 0))).mean())


# Burn rates: a service that spends half of its budget in single lossy cycles.

MONTH_S = 30 * 86_400


def pages(every_s: int, burst: int, min_lossy: int, months: int) -> float:
    """Return the pages a month, at 99.9 % and 1,000 messages a cycle."""
    rules = [
        slo.Rule(
            severity=rule.severity,
            long_s=rule.long_s,
            short_s=rule.short_s,
            factor=rule.factor,
            min_lossy=min_lossy,
        )
        for rule in slo.burn_rules(30, every_s=every_s)
        if rule.severity == "page"
    ]
    rng = np.random.default_rng(3)
    return sum(_pages(rules, every_s, burst, rng) for _ in range(months)) / months


def _pages(
    rules: list[slo.Rule], every_s: int, burst: int, rng: np.random.Generator
) -> int:
    cycles = MONTH_S // every_s
    lossy = np.flatnonzero(rng.random(cycles) < 0.5 * 1e-3 * CYCLE / burst)
    bad = np.zeros(cycles, dtype=np.int64)
    bad[lossy] = burst
    final_ns = (np.arange(cycles) + 1) * every_s * NS
    record = Record(
        final_ns,
        bad=bad,
        total=np.full(cycles, CYCLE),
        valid=np.ones(cycles, dtype=np.bool_),
        excluded=np.zeros(cycles, dtype=np.bool_),
    )
    # A rule can only begin to fire on a lossy cycle, and has resolved when its short
    # window has no other.
    waits = [0, *(rule.short_s * NS for rule in rules)]
    times = sorted({int(final_ns[at]) + wait for at in lossy for wait in waits})
    fired, firing = 0, set[slo.Rule]()
    for now_ns in times:
        alerts = slo.evaluate(
            rules, record, "99.9", now_ns=now_ns, every_s=every_s, firing=firing
        )
        now = {alert.rule for alert in alerts if alert.firing}
        fired += len(now - firing)
        firing = now
    return fired


@pytest.mark.parametrize(
    ("minutes", "burst", "expected"),
    [(1, 100, 0.0), (1, 1000, 22.0), (5, 100, 2.4), (5, 1000, 8.6), (15, 1000, 2.8)],
)
def test_plain_rules_page_falsely(minutes: int, burst: int, expected: float) -> None:
    """Without a guard, single wiped cycles page as often as was simulated."""
    found = pages(minutes * 60, burst, 0, 20 if expected else 1)

    assert abs(expected - found) <= 0.25 * expected + 0.3


@pytest.mark.parametrize(("minutes", "burst"), [(1, 1000), (5, 1000), (15, 1000)])
def test_guarded_rules_do_not(minutes: int, burst: int) -> None:
    """With the guard there are next to none, on the same cycles."""
    assert pages(minutes * 60, burst, 4, 20) <= 0.1


def test_outage_pages_within_the_guard() -> None:
    """A total outage pages after four cycles, as the plan says."""
    rule = slo.burn_rules(30, every_s=60)[0]
    cycles = 120
    bad = np.where(np.arange(cycles) >= 60, CYCLE, 0)
    record = Record(
        (np.arange(cycles) + 1) * 60 * NS,
        bad=bad,
        total=np.full(cycles, CYCLE),
        valid=np.ones(cycles, dtype=np.bool_),
        excluded=np.zeros(cycles, dtype=np.bool_),
    )
    firing = [
        slo.evaluate([rule], record, "99.9", now_ns=minute * 60 * NS, every_s=60)[
            0
        ].firing
        for minute in range(1, cycles + 1)
    ]
    cycles_lost = firing.index(True) + 1 - 60

    assert 4 == cycles_lost
    assert slo.cycles_to_fire(rule, 1, "99.9", every_s=60) == cycles_lost
