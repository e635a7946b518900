from hypothesis import given
from hypothesis import strategies as st

from prober.clock import NS
from prober.watch.schedule import Cadence, Roll

MINUTE = Cadence(every_ns=60 * NS)
MONTH = 43_200


def test_ticks_lie_on_the_period() -> None:
    """The minute's ticks are the clock's minutes, whoever asks and whenever."""
    assert 30_000_000 * 60 * NS == MINUTE.due_ns(30_000_000)
    assert 7 == MINUTE.at(7 * 60 * NS) == MINUTE.at(8 * 60 * NS - 1)
    assert 7 == MINUTE.next(7 * 60 * NS)
    assert 8 == MINUTE.next(7 * 60 * NS + 1)


def test_a_month_without_drift() -> None:
    """However late each cycle begins, the next one is due on its own minute."""
    due = 0
    for tick in range(MONTH):
        due = MINUTE.due_ns(tick)
        assert tick == MINUTE.next(due)
        late = due + (tick % 59) * NS
        assert tick == MINUTE.at(late)

    assert (MONTH - 1) * 60 * NS == due


def test_ticks_that_nobody_began() -> None:
    """A tick is missed when its time is over, and then once."""
    roll = Roll(MINUTE, 10)

    assert [] == list(roll.missed(MINUTE.due_ns(11) - 1))
    assert [10] == list(roll.missed(MINUTE.due_ns(11)))
    assert [] == list(roll.begin(11))
    assert [] == list(roll.missed(MINUTE.due_ns(12)))
    assert [12, 13] == list(roll.begin(14))
    assert [] == list(roll.missed(MINUTE.due_ns(14)))


def test_tick_that_begins_again_after_a_step_back() -> None:
    """When the clock was set back nothing that began is missed afterwards."""
    roll = Roll(MINUTE, 10)
    assert [] == list(roll.begin(10))
    assert [11] == list(roll.begin(12))

    assert [] == list(roll.begin(10))
    assert [] == list(roll.missed(MINUTE.due_ns(13)))


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(min_value=1, max_value=5_000)),
        max_size=50,
    )
)
def test_every_tick_has_one_fate(steps: list[tuple[bool, int]]) -> None:
    """Whatever order they are called in, each tick begins or is missed, never both."""
    cadence = Cadence(every_ns=1_000)
    roll, now = Roll(cadence, 0), 0
    begun: list[int] = []
    missed: list[int] = []
    for begins, later in steps:
        now += later
        if begins and (not begun or cadence.at(now) > begun[-1]):
            missed += list(roll.begin(cadence.at(now)))
            begun.append(cadence.at(now))
        else:
            missed += list(roll.missed(now))
    missed += list(roll.missed(now))

    last = max([*begun, *missed], default=-1)
    assert list(range(last + 1)) == sorted([*begun, *missed])
    assert last >= cadence.at(now) - 1
