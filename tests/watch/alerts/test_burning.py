"""The error budget burns."""

import pytest

from prober.history import CycleRecord
from prober.watch.alerts import burning
from prober.watch.alerts.facts import Alert
from tests.watch.alerts.situations import at, environment
from tests.watch.facts import lossy

DAY = 24 * 60


def cycles(lost: dict[int, int], minutes: int = 4 * DAY) -> list[CycleRecord]:
    """Return a cycle of a thousand messages a minute, some of which lost some."""
    return [lossy(minute, lost.get(minute, 0), 1_000) for minute in range(minutes)]


def found(lost: dict[int, int], minutes: int = 4 * DAY) -> list[Alert]:
    """Return what fires after these minutes."""
    seen = environment({"rlp": cycles(lost, minutes)})
    return burning.evaluate(at(seen, minutes))[0]


def recent(bad: int, count: int, minutes: int = 4 * DAY) -> dict[int, int]:
    """Return losses in the last cycles."""
    return dict.fromkeys(range(minutes - count, minutes), bad)


def test_clean() -> None:
    """Where nothing is lost, nothing fires."""
    assert [] == found({})


def test_a_page() -> None:
    """864 of 60,000 in an hour is a burn rate of 14.4, and pages; one less does not."""
    assert [("page", "1h")] == [
        (each.severity, each.labels["long_window"]) for each in found(recent(216, 4))
    ]
    assert "page" not in {
        each.severity for each in found({**recent(216, 3), 5759: 215})
    }


def test_one_wiped_cycle_is_no_page() -> None:
    """A cycle that is lost whole burns at 16.7 over the hour: people want to know."""
    alerts = found(recent(1_000, 1))

    assert "page" not in {each.severity for each in alerts}


def test_a_hole_that_heals() -> None:
    """Three lossy cycles in a row are a ticket at most: no page for 97 s."""
    assert "page" not in {each.severity for each in found(recent(1_000, 3))}


def test_a_page_makes_tickets_silent() -> None:
    """Who is paged needs no tickets for the same budget."""
    assert {"page"} == {each.severity for each in found(recent(1_000, 30))}


def test_words() -> None:
    """An alert says how many of how many, where, and what to do; identity has none."""
    seen = environment({"rlp": cycles(recent(216, 4))}, hint="add nozzle instances")
    (alert,) = burning.evaluate(at(seen, 4 * DAY))[0]

    assert {"env": "prod", "slo": "delivery", "long_window": "1h"} == alert.labels
    assert alert.summary.startswith("prod: 864 of 60,000 lost in 1 h on rlp; ")
    assert "14.4 times the rate" in alert.description
    assert "4 cycles of the last 1 h lost something" in alert.description
    assert alert.description.endswith("What to do: add nozzle instances.")


def test_one_alert_for_all_consumers() -> None:
    """Two consumers that lose alike are one alert, with the figures of the worse."""
    seen = environment(
        {"rlp": cycles(recent(216, 4)), "gateway": cycles(recent(300, 4))}
    )
    (alert,) = burning.evaluate(at(seen, 4 * DAY))[0]

    assert "1,200 of 60,000 lost in 1 h on rlp and gateway" in alert.summary


def test_no_objective() -> None:
    """Without an objective there is no budget to burn."""
    seen = environment({"rlp": cycles(recent(1_000, 60))}, target=None)

    assert [] == burning.evaluate(at(seen, 4 * DAY))[0]


def test_resolves_by_the_short_window() -> None:
    """What fires goes on while the short window burns, and ends with it."""
    minutes = 4 * DAY
    losses = recent(1_000, 10, minutes)
    seen = environment({"rlp": cycles(losses, minutes)})
    _, firing = burning.evaluate(at(seen, minutes))
    assert firing["prod", "rlp"]

    later = environment({"rlp": cycles(losses, minutes + 6)})
    situation = at(later, minutes + 6)
    hour = {each.labels["long_window"] for each in burning.evaluate(situation)[0]}
    assert "1h" not in hour


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(300, "5m"), (3_600, "1h"), (259_200, "3d"), (7, "7s"), (5_400, "90m")],
)
def test_window_names(seconds: int, expected: str) -> None:
    """Windows are named as Prometheus writes them."""
    assert expected == burning.window_name(seconds)


def test_burn_rates() -> None:
    """Metrics tell the worst consumer's rate in every window that a rule looks at."""
    seen = environment({"rlp": cycles({}), "gateway": cycles(recent(216, 4))})
    rates = burning.burn_rates(seen, at(seen, 4 * DAY).at_ns)

    assert {"5m", "30m", "1h", "2h", "6h", "1d", "3d"} == set(rates)
    assert 14.4 == rates["1h"]
