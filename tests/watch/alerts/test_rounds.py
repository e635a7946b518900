"""Rounds of alerts, with receivers of our own."""

import asyncio
from collections.abc import Sequence

from prober.records import Counts, State
from prober.testing import ManualClock, settle
from prober.watch.alerts.keeper import Entry
from prober.watch.alerts.rounds import ROUND_SECONDS, Rounds
from prober.watch.alerts.sending import NotDelivered
from prober.watch.notices import Notice
from tests.watch.alerts.situations import live
from tests.watch.facts import START_NS, cycle


class Receiver:
    """Remembers what it was told; refuses while it is away."""

    repeat_ns = 60_000_000_000

    def __init__(self, name: str) -> None:
        self.name = name
        self.away = False
        self.got: list[tuple[str, str]] = []

    async def send(self, entries: Sequence[Entry]) -> None:
        """Take what is told."""
        if self.away:
            raise NotDelivered(f"the {self.name} answered 500")
        self.got += [(each.alert.name, each.status) for each in entries]


class Case:
    """Rounds over a clock moved by hand."""

    def __init__(self, *receivers: Receiver) -> None:
        self.clock = ManualClock(START_NS)
        self.notices = list[Notice]()
        self.saved: list[bytes] = []
        self.rounds = Rounds(
            receivers,
            clock=self.clock,
            tell=self.notices.append,
            save=self.saved.append,
        )
        self.rounds.expect("prod", target=None, window_s=30 * 86_400, every_s=60)

    def said(self) -> list[str]:
        """Return what was told, in short."""
        return [each.said for each in self.notices]


async def test_told_and_over() -> None:
    """Receivers hear of what begins, and of its end; so does the log."""
    one, other = Receiver("one"), Receiver("other")
    case = Case(one, other)
    case.rounds.live(live(blind=True))
    case.rounds.evaluate()
    await case.rounds.send()
    case.rounds.live(live(blind=False))
    case.rounds.evaluate()
    await case.rounds.send()

    expected = [
        ("FirehoseBlindReaders", "firing"),
        ("FirehoseBlindReaders", "resolved"),
    ]
    assert expected == one.got == other.got
    assert ["alert", "alert_over"] == case.said()


async def test_one_receiver_is_away() -> None:
    """It is told once in the log; the other hears all; it does when it is back."""
    one, other = Receiver("one"), Receiver("other")
    case = Case(one, other)
    one.away = True
    case.rounds.live(live(blind=True))
    for _ in range(3):
        case.rounds.evaluate()
        await case.rounds.send()
    one.away = False
    await case.rounds.send()

    assert [("FirehoseBlindReaders", "firing")] == one.got == other.got
    assert ["alert", "alerts_away", "alerts_back"] == case.said()


async def test_by_the_clock() -> None:
    """Silence is noticed without any cycle: rounds go on by the clock."""
    one = Receiver("one")
    case = Case(one)
    case.rounds.live(live(measuring=False, why_not="token refused", ours=True))

    async def hours() -> None:
        await case.clock.sleep(4 * 3_600 + 2 * ROUND_SECONDS)

    running = asyncio.ensure_future(case.rounds.run())
    await case.clock.run(hours())
    running.cancel()

    assert ("ProbeNoData", "firing") in one.got
    notices = [each.words for each in case.notices]
    assert notices[0].startswith("ticket: nothing is measured of prod")
    assert any(each.startswith("page: ") for each in notices)


async def test_a_cycle_makes_a_round() -> None:
    """A final cycle is looked at at once, not with the next round."""
    case = Case()
    running = asyncio.ensure_future(case.rounds.run())
    await settle()
    case.rounds.live(live(blind=True))
    case.rounds.closed([cycle(0, State.LOSS, counts=Counts(accepted=1, lost=1))])
    await case.clock.advance(1)
    running.cancel()

    assert ["alert"] == case.said()


async def test_saved_state_goes_on() -> None:
    """What was saved is gone on from: nothing is told anew, and its end is."""
    before = Case()
    before.rounds.live(live(blind=True))
    before.rounds.evaluate()
    one = Receiver("one")
    after = Case(one)
    after.rounds.restore(before.saved[-1])
    after.rounds.live(live(blind=True))
    after.rounds.evaluate()
    after.rounds.forget("prod")
    after.rounds.evaluate()

    assert ["alert_over"] == after.said()


async def test_a_state_of_another() -> None:
    """A state that cannot be read is told, and alerts begin anew."""
    case = Case()
    case.rounds.restore(b"{}")

    assert ["fault"] == case.said()


async def test_saved_when_it_changes() -> None:
    """A round in which nothing happens writes nothing."""
    case = Case()
    case.rounds.evaluate()
    written = len(case.saved)
    case.rounds.evaluate()

    assert written == len(case.saved)
