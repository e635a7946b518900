"""The legs of a way in together: how long a write holds the probe up."""

from collections.abc import Callable

from prober.clock import NS
from prober.ingress import Report
from prober.ingress.envelopes import Encoder
from prober.probe.writers import Writers
from prober.probe.writing import UNTOLD, Account, Blame, Writing
from prober.records import Handover, Outcome, Span
from prober.testing import ManualClock, MemoryPipe, MemoryWriter
from tests.test_probe import RUN, job


class SlowWriter(MemoryWriter):
    """Takes its time with each batch; set `seconds`."""

    seconds = 0.0
    clock: ManualClock

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Write when the time has passed."""
        await self.clock.sleep(self.seconds)
        await super().write(raw, span)


async def test_the_longest_write_is_told_once() -> None:
    """Of all legs, and since it was last asked for."""
    clock, plan = ManualClock(), job().plan
    made: list[SlowWriter] = []

    def slow(report: Callable[[Outcome], None]) -> SlowWriter:
        writer = SlowWriter(MemoryPipe(clock), report)
        writer.clock = clock
        made.append(writer)
        return writer

    encoder = Encoder(RUN, plan)

    def opener(book: Report, _: Blame) -> Writing:
        return Writing(slow, encoder, clock, book)

    async with Writers([opener, opener], lambda _: None, lambda _: None) as writers:
        made[1].seconds = 2.5
        for number in range(2):
            span = Span(first=number, count=1)
            await clock.run(writers.send(span, 0, clock.now_ns()))

        assert 2.5 * NS == writers.longest_ns()
        assert 0 == writers.longest_ns()


def test_what_nobody_told_of_is_ambiguous() -> None:
    """A run that ends before a peer's word came leaves no message without a fate."""
    account = Account(attempted=5)
    account.take(Outcome(span=Span(first=0, count=3), handover=Handover.ACCEPTED))

    result = account.result("agent at 127.0.0.1:1", (), "")

    assert (5, 3, 0, 2) == (
        result.attempted,
        result.accepted,
        result.rejected,
        result.ambiguous,
    )
    assert result.refusal == UNTOLD
