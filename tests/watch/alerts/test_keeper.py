"""What fires since when, and who was told."""

from collections.abc import Sequence

import pytest

from prober.clock import NS
from prober.history import CycleRecord
from prober.store.codecs import document, from_document
from prober.watch.alerts.keeper import GIVE_UP_NS, Keeper, State, severities
from tests.watch.alerts.situations import environment, live
from tests.watch.facts import EVERY_NS, START_NS, lossy

DAY = 24 * 60
RECEIVERS = ("Alertmanager", "webhook")


def cycles(bad: int, minutes: int) -> Sequence[CycleRecord]:
    """Return four days of clean cycles, and then some that lost something."""
    clean = [lossy(minute, 0, 1_000) for minute in range(4 * DAY)]
    return [*clean, *(lossy(4 * DAY + each, bad, 1_000) for each in range(minutes))]


def update(keeper: Keeper, minutes: int, bad: int = 1_000, clean: int = 0) -> int:
    """Let an environment lose for some minutes, then not; return the time."""
    lost = [*cycles(bad, minutes)]
    after = 4 * DAY + minutes
    good = [lossy(after + each, 0, 1_000) for each in range(clean)]
    at_ns = START_NS + (after + clean) * EVERY_NS
    keeper.update(at_ns, [environment({"rlp": [*lost, *good]})], RECEIVERS)
    return at_ns


def test_begins_once() -> None:
    """An alert that goes on keeps the time of its beginning, with newer figures."""
    keeper = Keeper()
    began_ns = update(keeper, 10)
    first = keeper.entries[0].alert.summary
    update(keeper, 12)

    assert began_ns == keeper.entries[0].starts_ns
    assert first != keeper.entries[0].alert.summary


def test_ends() -> None:
    """What fires no more has an end, and is kept until everybody was told of it."""
    keeper = Keeper()
    at_ns = update(keeper, 10)
    keeper.heard("Alertmanager", keeper.entries, at_ns)
    keeper.heard("webhook", keeper.entries, at_ns)
    ended_ns = update(keeper, 10, clean=360)
    page = [e for e in keeper.entries if e.alert.labels.get("long_window") == "1h"]

    assert [ended_ns] == [each.ends_ns for each in page]
    assert page[0] in keeper.due("webhook", ended_ns, 4 * 3_600 * NS)
    for receiver in RECEIVERS:
        keeper.heard(receiver, page, ended_ns)
    later_ns = update(keeper, 10, clean=361)
    assert page[0] not in keeper.due("webhook", later_ns, 0)
    assert page[0].alert.key not in {e.alert.key for e in keeper.entries if e.ends_ns}


def test_repeats() -> None:
    """What fires is told again after a while, and not before."""
    keeper = Keeper()
    at_ns = update(keeper, 10)
    assert keeper.entries == tuple(keeper.due("Alertmanager", at_ns, 60 * NS))
    keeper.heard("Alertmanager", keeper.entries, at_ns)

    assert [] == keeper.due("Alertmanager", at_ns + 59 * NS, 60 * NS)
    assert keeper.entries == tuple(keeper.due("Alertmanager", at_ns + 60 * NS, 60 * NS))


def test_never_told() -> None:
    """Of what began and ended while a receiver was away, it hears nothing."""
    keeper = Keeper()
    update(keeper, 10)
    ended_ns = update(keeper, 10, clean=3 * DAY)

    assert [] == keeper.due("Alertmanager", ended_ns, 0)
    assert () == keeper.entries


def test_gives_up() -> None:
    """A receiver that is away for a day after the end is no longer waited for."""
    keeper = Keeper()
    keeper.update(START_NS, [environment({}, live=live(blind=True))], RECEIVERS)
    keeper.heard("Alertmanager", keeper.entries, START_NS)
    seeing = [environment({}, live=live(blind=False))]
    keeper.update(START_NS + NS, seeing, RECEIVERS)
    assert keeper.entries
    keeper.update(START_NS + GIVE_UP_NS + NS, seeing, RECEIVERS)

    assert () == keeper.entries


def written(state: State) -> State:
    """Return a state as it comes back from history."""
    return from_document(document(state), State)


def test_a_restart() -> None:
    """After a restart an alert goes on where it was, and ends when it is over."""
    before = Keeper()
    began_ns = update(before, 10)
    before.heard("Alertmanager", before.entries, began_ns)
    after = Keeper()
    after.restore(written(before.state()))

    assert before.entries == after.entries
    now_ns = update(after, 11)
    assert began_ns == after.entries[0].starts_ns
    assert [] == after.due("Alertmanager", now_ns - EVERY_NS, EVERY_NS + NS)


def test_a_rule_that_held_on_goes_on_after_a_restart() -> None:
    """What fires by its short window alone does so after a restart as well."""
    before, after = Keeper(), Keeper()
    update(before, 5, bad=300)
    assert before.entries
    after.restore(written(before.state()))
    for keeper in (before, after):
        update(keeper, 5, bad=300, clean=1)

    assert [e.ends_ns for e in before.entries] == [e.ends_ns for e in after.entries]


def test_severities() -> None:
    """How loudly an environment fires is told to who asks for it."""
    keeper = Keeper()
    assert frozenset() == severities([keeper.state()], "prod")
    update(keeper, 10)

    assert {"page"} == severities([State(), keeper.state()], "prod")
    assert frozenset() == severities([keeper.state()], "other")


@pytest.mark.parametrize("blind", [True, False])
def test_blind(blind: bool) -> None:  # noqa: FBT001 - a case
    """Every condition is looked at in each round."""
    keeper = Keeper()
    keeper.update(START_NS, [environment({}, live=live(blind=blind))], RECEIVERS)

    assert blind == bool(keeper.entries)
