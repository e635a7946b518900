"""How much the platform's counters grew, against a simulation of what befalls them."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.clock import NS
from prober.ledger import platform
from prober.ledger.platform import PlatformCounters, Reading
from prober.records import PlatformIncrease

TAGS = frozenset({("direction", "egress"), ("job", "doppler"), ("index", "7")})


def reading(
    delta: int, total: int, at: float = 0, *, stamped: float | None = None, **more: str
) -> Reading:
    """A router's count of egress drops at some second."""
    source_id = more.pop("source_id", "doppler")
    return Reading(
        source_id=source_id,
        name=more.pop("name", "dropped"),
        tags=TAGS | frozenset(more.items()),
        delta=delta,
        total=total,
        stamped_ns=round((at if stamped is None else stamped) * NS),
        at_ns=round(at * NS),
    )


def grown(*readings: Reading, now: float = 0) -> int:
    """What one series grew by."""
    (found,) = increases(*readings, now=now)
    return found.increase


def increases(*readings: Reading, now: float = 0) -> tuple[PlatformIncrease, ...]:
    """What every series grew by."""
    counters = PlatformCounters()
    for each in readings:
        counters.add(each)
    return counters.increases(round(now * NS))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(7, 7), (5, 12), (3, 15)], 15),  # as it should be
        ([(7, 7), (3, 15)], 15),  # the total knows of what was lost
        ([(7, 7), (0, 0), (4, 4)], 11),  # idle: the total begins anew
        ([(7, 7), (9, 9)], 16),  # the same, and the idle one was lost
        ([(7, 7), (0, 0), (9, 9), (0, 0), (2, 2)], 18),
        ([(0, 500), (0, 500), (0, 520)], 20),  # scraped: totals, and no deltas
        ([(0, 500), (0, 3), (0, 10)], 7),  # scraped, and its agent began anew
        ([(5, 5), (0, 0), (5, 5), (0, 0)], 10),  # v1 and v2 under one name
    ],
)
def test_rule(pairs: list[tuple[int, int]], expected: int) -> None:
    """What a series grew by follows from deltas and totals together."""
    readings = [reading(*pair, at=5 * at) for at, pair in enumerate(pairs)]

    assert expected == grown(*readings)


def test_overtaken_reading_is_not_counted_twice() -> None:
    """What a later total has told already is not told again by the one before."""
    first, second = reading(5, 105, at=2, stamped=1), reading(3, 108, at=1.5, stamped=2)
    third = reading(1, 109, at=3)

    assert 9 == grown(reading(0, 100, stamped=0), second, first, third)


def test_reading_that_comes_twice_counts_once() -> None:
    """Where two subscriptions overlap, both bring the same reading."""
    twice = reading(5, 5, at=5), reading(5, 5, at=5.2, stamped=5)

    assert 5 == grown(reading(0, 0, stamped=0), *twice)


@dataclass
class World:
    """A counter, the agent that reckons its totals, and a path that loses readings."""

    truth: int = 0
    total: int = 0
    at: float = 0
    told: list[Reading] = field(default_factory=list)

    def grow(self, delta: int) -> None:
        """One interval; an agent's sum starts at 0 again when nothing was added."""
        self.at += 1
        self.truth += delta
        self.total = self.total + delta if delta else 0
        self.told.append(reading(delta, self.total, self.at))

    def restart_agent(self) -> None:
        """All sums of the agent are gone."""
        self.total = 0


deltas = st.integers(0, 5)
steps = st.lists(st.tuples(deltas, deltas, st.booleans()), min_size=1, max_size=12)


def simulated(history: list[tuple[int, int, bool]]) -> World:
    """Every step is two readings of one identity, v1 and v2, and maybe a restart."""
    world = World()
    for v2, v1, restart in history:
        world.grow(v2)
        world.grow(v1)
        if restart:
            world.restart_agent()
    return world


@given(history=steps)
def test_nothing_lost_is_exact(history: list[tuple[int, int, bool]]) -> None:
    """Idle intervals, restarts and two readings of one name leave the sum right."""
    world = simulated(history)

    assert world.truth == grown(*world.told)


@given(history=steps, data=st.data())
def test_never_more_than_the_truth(
    history: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """With readings lost and overtaking each other, the increase is a lower bound.

    And if they come in order, it is never worse than the sum of their deltas.
    """
    world = simulated(history)
    order = data.draw(st.permutations(world.told))
    kept = order[: data.draw(st.integers(1, len(order)))]
    in_order = sorted(kept, key=lambda each: each.stamped_ns)

    assert grown(*kept) <= world.truth
    assert sum(each.delta for each in kept) <= grown(*in_order) <= world.truth


@given(
    first=st.integers(1, 5),
    rest=st.lists(st.integers(1, 5), max_size=12),
    data=st.data(),
)
def test_totals_make_up_for_what_was_lost(
    first: int, rest: list[int], data: st.DataObject
) -> None:
    """While the totals grow, all is known that was until the last reading."""
    world = World()
    for delta in (first, *rest):
        world.grow(delta)
    seen = data.draw(st.lists(st.booleans(), min_size=len(rest), max_size=len(rest)))
    told = zip(world.told, [True, *seen], strict=True)
    kept = [each for each, came in told if came]

    assert kept[-1].total == grown(*kept)


def test_what_was_before_is_not_counted() -> None:
    """A first total is where to begin; its delta is of the interval before."""
    (found,) = increases(reading(4, 9_000, at=100))

    assert 4 == found.increase
    assert (95 * NS, 100 * NS) == (found.from_ns, found.to_ns)


def test_series_are_kept_apart_by_every_tag() -> None:
    """Instances, directions and sources are series of their own, in a fixed order."""
    found = increases(
        reading(3, 3, source_id="reverse_log_proxy", name="rejected_streams"),
        reading(1, 1, metric_version="2.0"),
        reading(2, 2, ip="10.0.0.1"),
        reading(9, 9, source_id="somebody_else"),
    )

    expected = [
        ("router", "doppler/7", "dropped", "egress", 2),
        ("router", "doppler/7", "dropped", "egress", 1),
        ("RLP", "doppler/7", "rejected_streams", "egress", 3),
    ]
    assert expected == [
        (each.component, each.instance, each.counter, each.direction, each.increase)
        for each in found
    ]


def test_silence_is_told() -> None:
    """Counters are sent though nothing was added, so their absence is a sign."""
    often = [reading(0, 0, at=at) for at in (0, 5, 14)]

    assert 0 == increases(*often, now=29)[0].silent_ns
    assert 16 * NS == increases(*often, now=30)[0].silent_ns
    assert 21 * NS == increases(*often, reading(0, 0, at=35), now=36)[0].silent_ns


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of series further ones are passed over, and that is told."""
    monkeypatch.setattr(platform, "MAX_SERIES", 2)
    counters = PlatformCounters()
    for at, index in enumerate("0010123"):
        counters.add(reading(1, 1, at, ip=index))

    assert [3, 2] == sorted((e.increase for e in counters.increases(0)), reverse=True)
    assert 2 == counters.passed_over


def test_all_of_a_component_have_to_be_read() -> None:
    """A component was read since some time when its last instance was."""
    counters = PlatformCounters()
    assert not counters.read_since("doppler", 0)
    counters.add(reading(0, 0, at=5, ip="1"))
    counters.add(reading(0, 0, at=7, ip="2"))

    assert counters.read_since("doppler", 4 * NS)
    assert not counters.read_since("doppler", 5 * NS)
    assert not counters.read_since("metron", 0)
