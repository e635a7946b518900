"""Nothing is measured: who is told, when, and how loudly."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from prober.history import CycleRecord
from prober.records import Counts, State
from prober.report.now import Silence
from prober.watch.alerts import unmeasured
from prober.watch.alerts.facts import Alert
from tests.watch.alerts.situations import at, environment, live
from tests.watch.facts import EVERY_NS, START_NS, cycle

CUT = "consumer disconnected: UNAVAILABLE"
BEHIND = "our reader was 2.3 s behind (limit 1 s)"


def ended(
    state: State, count: int, *, after: int = 10, reason: str = CUT
) -> Sequence[CycleRecord]:
    """Return clean cycles, and then some that ended otherwise."""
    good = [cycle(index) for index in range(after)]
    bad = [
        cycle(index, state, reason=reason, counts=Counts())
        for index in range(after, after + count)
    ]
    return [*good, *bad]


def found(cycles: Sequence[CycleRecord], minutes: int) -> list[Alert]:
    """Return what is told so many minutes after the start."""
    seen = environment({"rlp": cycles}, live=live(), hint="prober check prod")
    return unmeasured.evaluate(at(seen, minutes))


@pytest.mark.parametrize(
    ("state", "reason", "minutes", "expected"),
    [
        (State.INCONCLUSIVE, CUT, 9, []),
        (State.INCONCLUSIVE, CUT, 10, ["ticket"]),
        (State.INCONCLUSIVE, CUT, 29, ["ticket"]),
        (State.INCONCLUSIVE, CUT, 30, ["page"]),
        (State.INVALID, BEHIND, 30, ["ticket"]),
        (State.INVALID, BEHIND, 239, ["ticket"]),
        (State.INVALID, BEHIND, 240, ["page"]),
        (State.MISSED, "not started", 240, ["page"]),
    ],
)
def test_delays(state: State, reason: str, minutes: int, expected: list[str]) -> None:
    """A ticket after 10 minutes; a page after 30, or after 4 hours when it is ours."""
    alerts = found(ended(state, minutes, reason=reason), 10 + minutes)

    assert expected == [each.severity for each in alerts]


def test_two_in_a_row() -> None:
    """Two cycles that cannot be told of are no silence, however slow the cadence."""
    seen = replace(
        environment({"rlp": ended(State.INCONCLUSIVE, 2, after=120)}), every_s=60
    )

    assert [] == unmeasured.evaluate(at(seen, 122))


def test_half_of_an_hour() -> None:
    """An hour of which less than half counts is told, though no three were in a row."""
    cycles = [
        cycle(index, State.PASS if index % 5 in (0, 3) else State.INCONCLUSIVE)
        for index in range(180)
    ]
    (alert,) = found(cycles, 180)

    assert "measured 40 % of the last hour" in alert.description


def test_never_begun() -> None:
    """An environment that was never reached has no cycles, and is told all the same."""
    words = "the agent at 127.0.0.1:3458 refused the connection"
    seen = environment({}, live=live(measuring=False, why_not=words))
    (alert,) = unmeasured.evaluate(at(seen, 10))

    assert "ticket" == alert.severity
    assert words in alert.description


def test_several_environments_are_one_alert() -> None:
    """What took several environments away is one alert, which names them."""
    cycles = ended(State.INCONCLUSIVE, 40)
    seen = [environment({"rlp": cycles}, name=name) for name in ("eu", "us", "ap")]
    situation = replace(at(seen[0], 50), environments=seen)
    (alert,) = unmeasured.evaluate(situation)

    assert {"cause": "platform"} == alert.labels
    assert alert.summary.startswith(
        "nothing is measured of ap, eu, us, for up to 40 min"
    )


def test_one_consumer_of_two() -> None:
    """A consumer that is away while another is served is told by its name."""
    seen = environment(
        {
            "rlp": [cycle(index) for index in range(30)],
            "gateway": ended(State.INCONCLUSIVE, 20),
        }
    )
    (alert,) = unmeasured.evaluate(at(seen, 30))

    assert "prod (gateway)" in alert.summary


def test_left_on_purpose() -> None:
    """A daemon that was stopped is not silent."""
    seen = environment(
        {"rlp": ended(State.INCONCLUSIVE, 60)}, live=live(measuring=False, ended=True)
    )

    assert [] == unmeasured.evaluate(at(seen, 70))


def test_an_excluded_stretch() -> None:
    """Maintenance is no silence."""
    assert [] == found(ended(State.EXCLUDED, 60, reason="upgrade (ann)"), 70)


def test_a_silent_neighbour() -> None:
    """Of an environment whose daemon says nothing any more, a neighbour tells."""
    silence = Silence(
        environment="us",
        daemon="jumpbox:77",
        since_ns=START_NS,
        every_ns=EVERY_NS,
        said="token refused",
    )
    situation = replace(at(environment({}), 5), environments=(), silent=(silence,))
    (alert,) = unmeasured.evaluate(situation)

    assert (unmeasured.SILENT, {"env": "us"}) == (alert.name, alert.labels)
    assert "us: its daemon jumpbox:77 has said nothing for 5 min" == alert.summary
    assert "token refused" in alert.description
