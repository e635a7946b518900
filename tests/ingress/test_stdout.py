"""The writer of an app: lines on a pipe, and what can be said of them."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.errors import InternalError, UsageError
from prober.ingress import stdout
from prober.ingress.envelopes import Encoder
from prober.ingress.stdout import App, StdoutWriter, app, check
from prober.plan import Plan, Sizes
from prober.records import Handover, Kind, Outcome, Span
from prober.stamp import Mark, Scanner
from prober.testing import ManualClock, settle

RUN = "k3v9x2m4q7a"
GUID = "34bcfafc-402b-4bb4-84db-aea5401b79eb"
ME = App(guid=GUID, index="2", log_rate=16 << 10)
PLAN = Plan(
    messages=10_000,
    cycles=10,
    rate=Fraction(80),
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id=GUID,
    seed=1,
)


def batch(first: int, count: int, plan: Plan = PLAN) -> bytes:
    """Some messages, as the probe hands them to a writer."""
    return Encoder(RUN, plan).messages(Span(first=first, count=count), 0, 1)


class Pipe:
    """Both ends of a pipe, and what a writer reports of it."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        os.set_blocking(self.out, False)
        self.clock = ManualClock()
        self.told: list[Outcome] = []
        self.writer = StdoutWriter(ME, self.into, self.clock, self.told.append)

    def read(self) -> bytes:
        """Take out all there is."""
        taken = b""
        try:
            while piece := os.read(self.out, 1 << 20):
                taken += piece
        except BlockingIOError:
            pass
        return taken

    def handovers(self) -> dict[int, Handover]:
        """What became of each message."""
        told: dict[int, Handover] = {}
        for each in self.told:
            for sequence in range(each.span.first, each.span.end):
                assert sequence not in told
                told[sequence] = each.handover
        return told

    def close(self) -> None:
        """Close what is still open."""
        for end in (self.out, self.into):
            if end >= 0:
                os.close(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe that is closed at the end."""
    opened = Pipe()
    try:
        yield opened
    finally:
        opened.close()


def found(text: bytes) -> list[int]:
    """The messages in what came out."""
    return list(Scanner(RUN, PLAN.cycle_of).scan(text).sequences)


async def test_messages_are_lines_and_nothing_else(pipe: Pipe) -> None:
    """Each log is a line of its own; what the pipe took is accepted."""
    async with pipe.writer as writer:
        await writer.write(batch(0, 3), Span(first=0, count=3))
        await writer.write(Encoder(RUN, PLAN).aid(Mark.PRIMER, 0, 1), None)
        await writer.flush(1)

    lines = pipe.read().split(b"\n")
    assert [100, 100, 100, 81, 0] == list(map(len, lines))
    assert [0, 1, 2] == found(b"\n".join(lines))
    assert dict.fromkeys(range(3), Handover.ACCEPTED) == pipe.handovers()
    assert f"standard output of app {GUID}, instance 2" == pipe.writer.written_to


async def test_full_pipe_holds_the_writer_up(pipe: Pipe) -> None:
    """While nobody reads the writer waits, and goes on where it was."""
    async with pipe.writer as writer:
        writing = asyncio.ensure_future(_write_many(writer, 20))
        await settle()
        assert not writing.done()
        text = b""
        while not writing.done():
            text += pipe.read()
            await pipe.clock.advance(0.01)
        text += pipe.read()

    assert list(range(2000)) == found(text)
    assert {Handover.ACCEPTED} == set(pipe.handovers().values())


async def _write_many(writer: StdoutWriter, batches: int) -> None:
    for number in range(batches):
        span = Span(first=100 * number, count=100)
        await writer.write(batch(span.first, 100), span)


async def test_pipe_that_stays_full_is_given_up(pipe: Pipe) -> None:
    """A line of which the pipe took a part is ambiguous; it is ended before the next.

    What came before was taken, and what was to follow never left us.
    """
    async with pipe.writer as writer:
        await pipe.clock.run(_write_many(writer, 7))
        handovers = pipe.handovers()
        text = pipe.read()
        await writer.write(batch(9_000, 1), Span(first=9_000, count=1))
        text += pipe.read()

    assert range(700) == range(len(handovers))
    (ambiguous,) = (n for n, told in handovers.items() if told is Handover.AMBIGUOUS)
    taken = [*range(ambiguous + 1), 9_000]
    assert Handover.ACCEPTED is handovers[ambiguous - 1]
    assert Handover.REJECTED is handovers[ambiguous + 1]
    assert taken == found(text)
    assert {100} == {len(line) for line in text.split(b"\n")[:-1]}
    assert "standard output was full for 15 s" == pipe.told[-2].reason


async def test_broken_pipe_ends_it(pipe: Pipe) -> None:
    """When nobody reads any more, everything is refused, with the reason."""
    async with pipe.writer as writer:
        os.close(pipe.out)
        pipe.out = -1
        for first in range(2):
            await writer.write(batch(first, 1), Span(first=first, count=1))

    assert dict.fromkeys(range(2), Handover.REJECTED) == pipe.handovers()
    assert {"standard output is broken: Broken pipe"} == {o.reason for o in pipe.told}


async def test_what_a_breaking_pipe_took_is_ambiguous(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what became of lines that were taken just before the end."""
    taken = iter([150])

    def write(_: int, text: bytes) -> int:
        for count in taken:
            return min(count, len(text))
        raise BrokenPipeError(32, "Broken pipe")

    async with pipe.writer as writer:
        monkeypatch.setattr(os, "write", write)
        await writer.write(batch(0, 3), Span(first=0, count=3))

    told = [Handover.AMBIGUOUS, Handover.AMBIGUOUS, Handover.REJECTED]
    assert dict(enumerate(told)) == pipe.handovers()


async def test_cancelled_writer_leaves_nothing_untold(pipe: Pipe) -> None:
    """A run that ends while the pipe is full knows what became of every message."""
    async with pipe.writer as writer:
        writing = asyncio.ensure_future(_write_many(writer, 7))
        await settle()
        writing.cancel()
        await asyncio.wait([writing])

    told = pipe.handovers()
    assert 0 == len(told) % 100
    kinds = [Handover.ACCEPTED, Handover.AMBIGUOUS, Handover.REJECTED]
    assert kinds == list(dict.fromkeys(told.values()))


@given(taken=st.lists(st.integers(1, 900), max_size=12))
async def test_every_message_is_told_once(taken: list[int]) -> None:
    """However little the pipe takes at a time, what it took is what is accepted."""
    pipe, text, amounts = Pipe(), bytearray(), iter(taken)

    def write(_: int, piece: bytes) -> int:
        for amount in amounts:
            text.extend(piece[:amount])
            return min(amount, len(piece))
        raise BlockingIOError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        patch.setattr(stdout, "HANG_SECONDS", 0.02)
        async with pipe.writer as writer:
            for first in (0, 4, 8):
                span = Span(first=first, count=4)
                await pipe.clock.run(writer.write(batch(first, 4), span))
    pipe.close()

    told = pipe.handovers()
    assert list(range(12)) == sorted(told)
    accepted = {n for n, handover in told.items() if handover is Handover.ACCEPTED}
    ambiguous = {n for n, handover in told.items() if handover is Handover.AMBIGUOUS}
    seen = set(found(bytes(text)))
    assert accepted <= seen <= accepted | ambiguous


async def test_only_logs_are_lines(pipe: Pipe) -> None:
    """A batch with anything else in it is a fault of ours."""
    mixed = replace(PLAN, kinds=(Kind.EVENT,))
    async with pipe.writer as writer:
        with pytest.raises(InternalError, match="has to be logs alone"):
            await writer.write(batch(0, 1, mixed), Span(first=0, count=1))


def test_claimed_output_is_the_writers_alone() -> None:
    """After it was claimed, whatever else is printed goes to standard error."""
    code = (
        "import os; from prober.ingress.stdout import claim\n"
        "print('before'); pipe = claim()\n"
        "print('after', flush=True); os.write(pipe, b'line\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert ("before\nline\n", "after\n") == (done.stdout, done.stderr)


def environ(**variables: str) -> dict[str, str]:
    """The environment of an app."""
    about = {"application_id": GUID, "instance_index": 2, "name": "prober"}
    made = {"VCAP_APPLICATION": json.dumps(about), "PROBER_LOG_RATE_LIMIT": "16K"}
    return {**made, **variables}


def test_app_tells_who_it_is() -> None:
    """GUID and instance come from VCAP_APPLICATION."""
    assert ME == app(environ())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("16K", 16_384),
        ("16KB", 16_384),
        ("1m", 1 << 20),
        ("5000", 5000),
        ("2G", 2 << 30),
        ("-1", None),
    ],
)
def test_log_rate_is_written_as_in_a_manifest(
    written: str, expected: int | None
) -> None:
    """The limit is read as the platform reads it; -1 is none."""
    assert expected == app(environ(PROBER_LOG_RATE_LIMIT=written)).log_rate


def test_instance_of_a_task() -> None:
    """Where VCAP_APPLICATION has no index, CF_INSTANCE_INDEX or 0 stand for it."""
    about = json.dumps({"application_id": GUID})

    assert "0" == app(environ(VCAP_APPLICATION=about)).index
    told = app(environ(VCAP_APPLICATION=about, CF_INSTANCE_INDEX="7"))
    assert "7" == told.index


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"VCAP_APPLICATION": ""}, "VCAP_APPLICATION does not tell which app this is"),
        ({"VCAP_APPLICATION": "[]"}, "VCAP_APPLICATION does not tell which app"),
        ({"VCAP_APPLICATION": "{}"}, "VCAP_APPLICATION does not tell which app"),
        ({"PROBER_LOG_RATE_LIMIT": ""}, "PROBER_LOG_RATE_LIMIT is '': set it to"),
        ({"PROBER_LOG_RATE_LIMIT": "lots"}, "PROBER_LOG_RATE_LIMIT is 'lots'"),
    ],
)
def test_environment_that_is_no_apps(variables: dict[str, str], sentence: str) -> None:
    """What is missing is named, with what to do."""
    with pytest.raises(UsageError, match=sentence):
        app(environ(**variables))


def test_plan_within_half_of_the_limit() -> None:
    """80/s of 100 bytes are within half of 16K; without a limit anything is."""
    check(PLAN, ME)
    check(replace(PLAN, rate=None), replace(ME, log_rate=None))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"rate": Fraction(82)},
            (
                "the plan writes 8,200 bytes a second, more than half of the app's log "
                "rate limit of 16,384: ask for 81.9/s or less, or raise "
                "log-rate-limit-per-second"
            ),
        ),
        ({"rate": None}, "an app that may log 16,384 bytes a second needs a rate"),
        ({"kinds": (Kind.LOG, Kind.EVENT)}, "an app writes logs only"),
        (
            {"source_id": "prober"},
            f"an app writes as itself: leave source_id to {GUID}",
        ),
        (
            {"sizes": Sizes(low=100, high=61_440), "rate": Fraction(1, 60)},
            "a line of 61,440 bytes would be split: ask for 61,439 or fewer",
        ),
    ],
)
def test_plan_that_an_app_cannot_carry_out(
    changes: dict[str, object], sentence: str
) -> None:
    """What would be dropped, split or never read is refused before it is sent."""
    with pytest.raises(UsageError) as caught:
        check(replace(PLAN, **changes), ME)  # type: ignore[arg-type]
    assert str(caught.value).startswith(sentence)


def test_limit_leaves_room_for_primers() -> None:
    """A limit that primers alone would exceed is refused, however slow the plan."""
    tight = replace(ME, log_rate=1400)
    with pytest.raises(UsageError, match="more than half of the app's log rate limit"):
        check(replace(PLAN, rate=Fraction(1)), tight)


def test_app_reads_its_own_source() -> None:
    """An app has no use for a subscription that takes a scope."""
    with pytest.raises(UsageError, match="whole_firehose cannot be"):
        check(PLAN, ME, whole_firehose=True)


@pytest.mark.parametrize("limit", ["(1024 bytes/sec)", "(10 log-lines/sec) set by"])
def test_notice_of_the_platform_is_known(limit: str) -> None:
    """Either limit's notice is seen, as text and in base64."""
    notice = f"app instance exceeded log rate limit {limit}".encode()

    for raw in (b"\x12" + notice, b'"payload":"' + base64.b64encode(notice)):
        assert ["rate limit"] == [
            reason for needle, reason in stdout.RATE_LIMITED.items() if needle in raw
        ]
