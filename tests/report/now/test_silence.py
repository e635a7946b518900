import pytest

from prober.clock import NS
from prober.report.now import patience_ns, silent
from tests.report.now.samples import MINUTE_NS, NOW, live


def test_silence_of_more_than_three_periods() -> None:
    """A neighbour of a minute's cadence may be silent for three, and no longer."""
    heard = live(environment="prod_us", at_ns=NOW - 3 * MINUTE_NS)
    gone = live(environment="prod_ap", at_ns=NOW - 3 * MINUTE_NS - 1, why_not="refused")

    (found,) = silent([heard, gone], NOW)
    assert ("prod_ap", "diego-0:812", NOW - 3 * MINUTE_NS - 1, "refused") == (
        found.environment,
        found.daemon,
        found.since_ns,
        found.said,
    )


def test_last_to_speak_counts() -> None:
    """A daemon that died is nobody's alarm while another watches the same."""
    lives = [live(), live(daemon="other:1", at_ns=NOW - 50 * MINUTE_NS)]

    assert () == silent(lives, NOW)
    assert () == silent(reversed(lives), NOW)


def test_who_left_on_purpose_is_not_silent() -> None:
    """An environment that was taken out of its configuration said so."""
    assert () == silent([live(at_ns=NOW - 50 * MINUTE_NS, ended=True)], NOW)


@pytest.mark.parametrize(("every", "seconds"), [(1, 15), (5, 15), (60, 180)])
def test_patience(every: int, seconds: int) -> None:
    """At a cadence of seconds a store may be busy for longer than three of them."""
    assert seconds * NS == patience_ns(every * NS)
