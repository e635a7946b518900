"""The way in for a prober that was pushed as an app: its own standard output.

The platform takes every line as a log of the app, with the app's GUID as source_id. It
acknowledges nothing: what the pipe took is accepted, as far as anybody can tell. A line
that the pipe took in part is ambiguous, and so is what it took before it broke.

    batch   L1 L2 L3 L4     the pipe takes all of L1 and half of L2, then no more
    told    L1 accepted, L2 ambiguous, L3 and L4 rejected; the other half of L2 comes
            before the next batch, so that no line runs into another
"""

import asyncio
import base64
import itertools
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from prober.clock import NS, Clock
from prober.errors import InternalError, UsageError
from prober.ingress import Report
from prober.plan import Plan
from prober.records import Handover, Kind, Outcome, Span
from prober.rpc.loggregator_v2.envelope_pb2 import EnvelopeBatch

MAX_LINE = 61_439
"""Bytes of a line; the platform splits longer ones into several logs."""
AIDS_RATE = 750
"""Bytes a second of primers, which the log rate limit has to leave room for."""
LIMIT_VARIABLE = "PROBER_LOG_RATE_LIMIT"
HANG_SECONDS = 15.0
"""How long the pipe may be full before a batch is given up."""
_POLL_SECONDS = 0.01
_LIMIT = re.compile(r"(\d{1,15})([BKMG]?)B?", re.IGNORECASE)
_UNITS = {"": 0, "B": 0, "K": 1, "M": 2, "G": 3}
_UNLIMITED = "-1"
_NOTICE = b"app instance exceeded log rate limit"
RATE_LIMITED: Mapping[bytes, str] = {
    # As text, and at the start of a payload in base64: it has whole triples of bytes.
    _NOTICE: "rate limit",
    base64.b64encode(_NOTICE): "rate limit",
}
"""What the platform logs in the app's name when it throws lines of it away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app that the prober is."""

    guid: str
    index: str
    log_rate: int | None
    """Bytes a second that it may log; None for as many as it likes."""


def app(environ: Mapping[str, str]) -> App:
    """Return which app this is, and how much it may log.

    Raises UsageError when the environment is not that of an app, or does not say.
    """
    try:
        about: dict[str, Any] = json.loads(environ["VCAP_APPLICATION"])
        guid = about["application_id"]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "VCAP_APPLICATION does not tell which app this is: only an app can write "
            "by standard output, as prober init --cf-app DIR makes one"
        ) from error
    index = about.get("instance_index", environ.get("CF_INSTANCE_INDEX", "0"))
    return App(guid=str(guid), index=str(index), log_rate=_log_rate(environ))


def _log_rate(environ: Mapping[str, str]) -> int | None:
    written = environ.get(LIMIT_VARIABLE, "")
    if written == _UNLIMITED:
        return None
    form = _LIMIT.fullmatch(written)
    if form is None:
        raise UsageError(
            f"{LIMIT_VARIABLE} is {written!r}: set it to the app's "
            "log-rate-limit-per-second, as 64K, or -1 if it has none"
        )
    return int(form[1]) << 10 * _UNITS[form[2].upper()]


def check(plan: Plan, of: App, *, whole_firehose: bool = False) -> None:
    """Refuse a plan that an app cannot carry out; raises UsageError with what it can.

    Half of the log rate limit is left free: beyond it the platform drops lines, and it
    would be the prober that measures itself.
    """
    if plan.kinds != (Kind.LOG,):
        raise UsageError("an app writes logs only: leave kinds at log")
    if whole_firehose:
        raise UsageError("an app reads what it wrote itself: whole_firehose cannot be")
    if plan.source_id != of.guid:
        raise UsageError(f"an app writes as itself: leave source_id to {of.guid}")
    if plan.sizes.high > MAX_LINE:
        raise UsageError(
            f"a line of {plan.sizes.high:,} bytes would be split: ask for "
            f"{MAX_LINE:,} or fewer"
        )
    if of.log_rate is not None:
        _check_rate(plan, of.log_rate)


def _check_rate(plan: Plan, limit: int) -> None:
    allowed = Fraction(limit, 2)
    if plan.rate is None:
        raise UsageError(f"an app that may log {limit:,} bytes a second needs a rate")
    wanted = max(plan.rate * plan.sizes.high, Fraction(AIDS_RATE))
    if wanted > allowed:
        most = allowed / plan.sizes.high
        raise UsageError(
            f"the plan writes {float(wanted):,.0f} bytes a second, more than half of "
            f"the app's log rate limit of {limit:,}: ask for {float(most):,.1f}/s or "
            "less, or raise log-rate-limit-per-second"
        )


def claim() -> int:
    """Return standard output for the writer alone; all else goes to standard error."""
    sys.stdout.flush()
    alone = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return alone


class StdoutWriter:
    """Writes stamped lines to a pipe; see `prober.ingress.Writer`.

    A full pipe holds the writer up, which is push-back; a broken one ends it.
    """

    def __init__(self, of: App, pipe: int, clock: Clock, report: Report) -> None:
        self.written_to = f"standard output of app {of.guid}, instance {of.index}"
        self._pipe, self._clock, self._report = pipe, clock, report
        self._one_at_a_time = asyncio.Lock()
        self._rest = b""
        """Of a line that the pipe took in part."""
        self._written = 0
        self._broken = ""
        """Why the pipe takes nothing any more."""

    async def __aenter__(self) -> Self:
        os.set_blocking(self._pipe, False)
        return self

    async def __aexit__(self, *exc: object) -> None:
        os.set_blocking(self._pipe, True)

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Write the logs of a batch as lines; waits while the pipe is full."""
        async with self._one_at_a_time:
            lines = _lines(raw)
            if span is not None and span.count != len(lines):
                raise InternalError("a batch for standard output has to be logs alone")
            started, self._written = self._rest, 0
            why = "the run ended while standard output was full"
            try:
                why = self._broken or await self._put(started + b"".join(lines))
            finally:
                if span is not None:
                    self._tell(lines, span, len(started), why)
                self._keep(lines, started)

    async def flush(self, seconds: float) -> None:
        """Do nothing: nobody acknowledges anything."""

    async def _put(self, text: bytes) -> str:
        """Write all of a text; return why not, if not."""
        since_ns = self._clock.now_ns()
        while self._written < len(text):
            try:
                self._written += os.write(self._pipe, text[self._written :])
                since_ns = self._clock.now_ns()
            except BlockingIOError:
                if self._clock.now_ns() - since_ns > HANG_SECONDS * NS:
                    return f"standard output was full for {HANG_SECONDS:.0f} s"
                await self._clock.sleep(_POLL_SECONDS)
            except OSError as error:
                self._broken = f"standard output is broken: {error.strerror}"
                return self._broken
        await asyncio.sleep(0)  # nothing was awaited: let the others run
        return ""

    def _tell(self, lines: Sequence[bytes], span: Span, owed: int, why: str) -> None:
        """Report on a batch by how much of it the pipe took."""
        ends = list(itertools.accumulate(map(len, lines), initial=owed))
        whole = sum(end <= self._written for end in ends[1:])
        begun = sum(end < self._written for end in ends[:-1])
        taken = Handover.AMBIGUOUS if self._broken else Handover.ACCEPTED
        parts = (
            (taken, whole),
            (Handover.AMBIGUOUS, begun - whole),
            (Handover.REJECTED, len(lines) - begun),
        )
        first = span.first
        for handover, count in parts:
            if count:
                part = Span(first=first, count=count)
                self._report(Outcome(span=part, handover=handover, reason=why))
                first += count

    def _keep(self, lines: Sequence[bytes], owed: bytes) -> None:
        """Remember what is missing of a line that was begun."""
        end = 0
        for line in (owed, *lines):
            end += len(line)
            if end > self._written:
                left = end - self._written
                self._rest = line[-left:] if left < len(line) or line is owed else b""
                return
        self._rest = b""


def _lines(raw: bytes) -> list[bytes]:
    batch = EnvelopeBatch.FromString(raw).batch
    return [each.log.payload + b"\n" for each in batch if each.HasField("log")]
