"""Blind readers, and certificates that end."""

from dataclasses import replace

import pytest

from prober.clock import NS
from prober.watch.alerts import warnings
from prober.watch.alerts.facts import PAGE, Expiry
from tests.watch.alerts.situations import DAY_NS, at, environment, live


def test_blind() -> None:
    """While a new subscription gets what an old one misses, nozzle owners are told."""
    seen = environment({}, live=live(blind=True), hint="wait to 03:08:50")
    (alert,) = warnings.evaluate(at(seen, 1))

    assert ("ticket", {"env": "prod"}) == (alert.severity, alert.labels)
    assert "prod: blind readers: rlp miss what a new subscription gets" == alert.summary
    assert alert.description.endswith("What to do: wait to 03:08:50.")


def test_seeing() -> None:
    """Of readers that see, nothing is told."""
    assert [] == warnings.evaluate(at(environment({}, live=live()), 1))


@pytest.mark.parametrize(
    ("left_ns", "expected"),
    [
        (14 * DAY_NS, None),
        (14 * DAY_NS - 1, "ends in 14 d"),
        (3 * DAY_NS, "ends in 3 d"),
        (-2 * 3_600 * NS, "expired 2 h ago"),
    ],
)
def test_certificates(left_ns: int, expected: str | None) -> None:
    """A certificate that is good for less than a fortnight is told, with its file."""
    situation = at(environment({}), 0)
    expiry = Expiry(
        environment="prod",
        what="the client's certificate for the agent at 127.0.0.1:3458",
        file="certs/client.crt",
        ends_ns=situation.at_ns + left_ns,
    )
    alerts = warnings.evaluate(replace(situation, expiries=(expiry,)))

    told = [f"prod: {expiry.what} {expected}"] if expected else []
    assert told == [each.summary for each in alerts]
    assert all("certs/client.crt" in each.description for each in alerts)


def test_the_certificate_of_the_page() -> None:
    """It is of no environment, and what is amiss without it is another thing."""
    situation = at(environment({}), 0)
    expiry = Expiry(
        environment=PAGE,
        what="the page's certificate",
        file="page.crt",
        ends_ns=situation.at_ns + 3 * DAY_NS,
    )
    (alert,) = warnings.evaluate(replace(situation, expiries=(expiry,)))

    assert ("ticket", {"file": "page.crt"}) == (alert.severity, alert.labels)
    assert "the page's certificate ends in 3 d" == alert.summary
    assert "no browser opens the page" in alert.description
    assert "renew page.crt; it is read again every minute" in alert.description
