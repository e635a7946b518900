"""Clocks compared: ours with the platform's, as far as it tells its time."""

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

import httpx

from prober.checks.findings import Finding, StepFailed
from prober.clock import NS, Clock
from prober.egress import Reader
from prober.egress import platform as counters
from prober.egress.https import Server
from prober.ledger.platform import Reading
from prober.records import Arrival, Sign

TOLERANCE_SECONDS = 1.0
"""Clocks that differ by more are worth a warning."""
_USUAL_NS = NS // 2
"""How long an envelope is usually under way, where nothing better is known."""
_REMEDY = "see that both machines follow a time server: chronyc tracking"


def judge(whose: str, ahead: float) -> Finding:
    """Say by how many seconds a clock is ahead of ours; below 0 it is behind."""
    if abs(ahead) <= TOLERANCE_SECONDS:
        return Finding(words=f"{whose} agrees with ours to a second")
    side = "ahead of" if ahead > 0 else "behind"
    return Finding(words=f"{whose} is {abs(ahead):,.1f} s {side} ours", remedy=_REMEDY)


async def of_server(server: Server, clock: Clock) -> Finding:
    """Compare with the Date that a server of HTTPS writes under its answers."""
    url = urlunsplit(("https", urlsplit(server.url).netloc, "/", "", ""))
    before_ns = clock.now_ns()
    try:
        async with (
            server.client(read_seconds=5) as client,
            client.stream("GET", url) as answer,
        ):
            told = answer.headers.get("date", "")
    except (httpx.HTTPError, OSError) as error:
        words = str(server.unreachable(error))
        raise StepFailed(words, "see the words of the steps before") from None
    after_ns = clock.now_ns()
    try:
        told_ns = round(parsedate_to_datetime(told).timestamp() * NS)
    except ValueError:
        return Finding(words="it does not tell its time", ok=None)
    return judge("its clock", _ahead(told_ns, before_ns, after_ns))


def _ahead(told_ns: int, before_ns: int, after_ns: int) -> float:
    """Return by how much a time told in whole seconds is ahead, at the least."""
    least, most = told_ns - after_ns, told_ns + NS - before_ns
    if least <= 0 <= most:
        return 0.0
    return (least if least > 0 else most) / NS


@dataclass(slots=True, kw_only=True)
class Watch:
    """Listens to the routers' own counters, and to when each was written."""

    reader: Reader
    ahead_ns: dict[str, int] = field(default_factory=dict)
    """By how much each clock is ahead of ours, the time under way not counted."""

    async def take(self) -> None:
        """Take in what there is; raises StepFailed when the reader was cut off."""
        for item in await self.reader.receive():
            if isinstance(item, Arrival):
                for each in counters.readings(item):
                    if not isinstance(each, Reading):
                        continue
                    tags = dict(each.tags)
                    place = tags.get("ip") or tags.get("index") or ""
                    whose = " ".join(filter(None, ("the clock of", each.source_id)))
                    whose += f" at {place}" if place else ""
                    ahead_ns = each.stamped_ns - each.at_ns
                    known_ns = self.ahead_ns.get(whose, ahead_ns)
                    self.ahead_ns[whose] = max(known_ns, ahead_ns)
            elif item.sign is Sign.CUT:
                raise StepFailed(item.detail)


async def of_platform(watch: Watch, under_way_ns: int | None) -> Finding:
    """Compare with what the platform stamps on envelopes of its own.

    `under_way_ns` is how long a message of ours took the same way.
    """
    while not watch.ahead_ns:
        await watch.take()
    usual_ns = _USUAL_NS if under_way_ns is None else under_way_ns
    # What is ahead even on arrival is so for certain; what is behind may be late.
    ahead = {
        whose: (each if each > 0 else min(0, each + usual_ns)) / NS
        for whose, each in watch.ahead_ns.items()
    }
    worst = max(ahead, key=lambda whose: abs(ahead[whose]))
    return judge(worst, ahead[worst])
