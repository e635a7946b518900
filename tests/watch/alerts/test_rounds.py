"""Rounds of alerts, with receivers of our own."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from prober import records
from prober.clock import NS
from prober.history import CycleRecord
from prober.records import Counts
from prober.testing import ManualClock, settle
from prober.watch.alerts.certificates import File
from prober.watch.alerts.facts import PAGE, Expiry
from prober.watch.alerts.keeper import Entry, State
from prober.watch.alerts.rounds import RESTORE_SECONDS, ROUND_SECONDS, Rounds
from prober.watch.alerts.sending import NotDelivered
from prober.watch.notices import Notice
from tests.watch.alerts.situations import live
from tests.watch.facts import START_NS, cycle, lossy, watched

EARLY = datetime(2020, 1, 1, tzinfo=UTC)


class Receiver:
    """Remembers what it was told; refuses while it is away."""

    repeat_ns = 60_000_000_000

    def __init__(self, name: str) -> None:
        self.name = name
        self.away = False
        self.got: list[tuple[str, str]] = []
        self.told = asyncio.Event()

    async def send(self, entries: Sequence[Entry]) -> None:
        """Take what is told."""
        if self.away:
            raise NotDelivered(f"the {self.name} answered 500")
        self.got += [(each.alert.name, each.status) for each in entries]
        self.told.set()


class Case:
    """Rounds over a clock moved by hand."""

    def __init__(
        self,
        *receivers: Receiver,
        page: Sequence[File] = (),
        dated: Callable[[Sequence[Expiry]], None] = lambda _: None,
    ) -> None:
        self.clock = ManualClock(START_NS)
        self.notices = list[Notice]()
        self.saved = list[State]()
        self.rounds = Rounds(
            receivers,
            clock=self.clock,
            tell=self.notices.append,
            save=self.saved.append,
            dated=dated,
            page=page,
        )
        self.rounds.expect(watched(target=None))

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

    case.rounds.restore(State())
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
    case.rounds.restore(State())
    running = asyncio.ensure_future(case.rounds.run())
    await settle()
    case.rounds.live(live(blind=True))
    case.rounds.closed(
        [cycle(0, records.State.LOSS, counts=Counts(accepted=1, lost=1))]
    )
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


async def test_what_fired_before_is_waited_for() -> None:
    """No round is made before it is known what fired, or nobody can tell."""
    case = Case()
    case.rounds.live(live(blind=True))
    running = asyncio.ensure_future(case.rounds.run())
    await case.clock.advance(RESTORE_SECONDS - 1)
    assert [] == case.said()
    await case.clock.advance(2)
    assert ["alert"] == case.said()
    case.rounds.restore(State())  # too late: it changes nothing
    running.cancel()

    assert ["alert"] == case.said()


async def test_the_days_before() -> None:
    """Rules look at the cycles of before the daemon began, each of them once."""
    case = Case()
    case.rounds.expect(watched())
    days = [lossy(minute, 0, 1_000) for minute in range(4 * 24 * 60)]
    hour = [lossy(4 * 24 * 60 + minute, 300, 1_000) for minute in range(10)]
    case.rounds.closed(hour[-2:])
    case.rounds.recall("prod", [*days, *hour])
    await case.clock.advance((4 * 24 * 60 + 10) * 60)
    case.rounds.evaluate()

    assert any("3,000 of 60,000 lost in 1 h" in n.words for n in case.notices)


async def test_the_days_before_an_objective() -> None:
    """Whoever is given one later is judged by all that was before it."""
    case = Case()  # without an objective
    before = [lossy(minute, 300, 1_000) for minute in range(60)]
    case.rounds.closed(before)
    case.rounds.expect(watched())
    case.rounds.closed(before[-1:])
    case.rounds.recall("prod", before)
    await case.clock.advance(60 * 60)
    case.rounds.evaluate()

    assert any("18,000 of 60,000 lost in 1 h" in n.words for n in case.notices)


async def test_nothing_waits_for_days_that_nobody_recalls() -> None:
    """Without an objective no cycle is kept: for months there would be no end to it."""
    case = Case()
    for minute in range(100):
        case.rounds.closed([lossy(minute, 0, 987)])
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, CycleRecord)]

    assert 1 == sum(each.total == 987 for each in kept)  # the last one is known


def ends_tomorrow(folder: Path, name: str) -> File:
    """Write a certificate that ends a day after the clock's beginning."""
    until = datetime.fromtimestamp(START_NS / NS, UTC) + timedelta(days=1)
    path = folder / f"{name}.crt"
    issued = trustme.CA().issue_cert(name, not_before=EARLY, not_after=until)
    issued.cert_chain_pems[0].write_to_path(str(path))
    return File(environment=name, what="the client's certificate", path=str(path))


async def test_certificates_are_looked_at(tmp_path: Path) -> None:
    """When a certificate ends is read from its file, from the first round on."""
    one = Receiver("one")
    case = Case(one)
    mine = replace(watched(target=None), certificates=[ends_tomorrow(tmp_path, "prod")])
    case.rounds.expect(mine)
    case.rounds.restore(State())
    running = asyncio.ensure_future(case.rounds.run())
    await one.told.wait()
    running.cancel()

    assert [("ProbeCertificateExpiry", "firing")] == one.got


async def test_the_certificate_of_the_page_is_looked_at(tmp_path: Path) -> None:
    """It needs no environment; when it ends is told to the metrics, too."""
    one, dated = Receiver("one"), list[Expiry]()
    file = replace(ends_tomorrow(tmp_path, "page"), environment=PAGE)
    case = Case(one, page=[file], dated=dated.extend)
    case.rounds.restore(State())
    running = asyncio.ensure_future(case.rounds.run())
    await one.told.wait()
    running.cancel()

    assert [("ProbeCertificateExpiry", "firing")] == one.got
    assert (PAGE, file.path) == (dated[0].environment, dated[0].file)


async def test_certificates_after_a_reload(tmp_path: Path) -> None:
    """Those of a new environment are looked at soon, those of one that left no more."""
    one = Receiver("one")
    case = Case(one)
    case.rounds.restore(State())
    running = asyncio.ensure_future(case.rounds.run())
    await settle()
    new = watched("new", target=None)
    case.rounds.expect(replace(new, certificates=[ends_tomorrow(tmp_path, "new")]))
    while not one.told.is_set():  # files are read in a thread
        await asyncio.to_thread(lambda: None)
        await case.clock.advance(ROUND_SECONDS)
    one.told.clear()
    case.rounds.forget("new")
    while not one.told.is_set():
        await case.clock.advance(ROUND_SECONDS)
    running.cancel()

    assert [
        ("ProbeCertificateExpiry", "firing"),
        ("ProbeCertificateExpiry", "resolved"),
    ] == one.got


async def test_saved_when_it_changes() -> None:
    """A round in which nothing happens writes nothing."""
    case = Case()
    case.rounds.evaluate()
    written = len(case.saved)
    case.rounds.evaluate()

    assert written == len(case.saved)
