"""One message from every way in to every consumer, and how long it took."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prober.checks.findings import Finding, StepFailed
from prober.clock import NS, Clock
from prober.egress import Reader
from prober.ingress import Writer
from prober.ingress.envelopes import Encoder
from prober.plan import Plan
from prober.probe.primers import PRIMER_SECONDS
from prober.records import Arrival, Evidence, Sign
from prober.stamp import Mark, Scanner

_REMEDIES: tuple[tuple[str, str], ...] = (
    # What a refusal contains -> what mends it, where its own words do not say.
    (
        "RESOURCE_EXHAUSTED",
        "end other consumers of that RLP, or raise its MAX_EGRESS_STREAMS",
    ),
    ("UNIMPLEMENTED", "correct the port: it serves gRPC, but not the Egress service"),
)

_DISABLED = "an agent with LOGS_DISABLED takes logs and discards them: unset it there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One message on its way."""

    by: str
    """The way in that it was given to."""
    sent_ns: int


class Courier:
    """Sends numbered messages by every way in that works, while somebody waits.

    They are primers, which no account counts: logs under the plan's source_id. A way in
    is decided when it is known to work, or not to.
    """

    def __init__(
        self, run_id: str, plan: Plan, ways_in: Collection[str], clock: Clock
    ) -> None:
        self._encoder = Encoder(run_id, plan)
        self._clock = clock
        self._undecided = set(ways_in)
        self.any = bool(ways_in)
        """Whether there is any way in that can be tried."""
        self._decided = asyncio.Event()
        if not self._undecided:
            self._decided.set()
        self._waiting = 0
        self._wanted = asyncio.Event()
        self.scanner = Scanner(run_id, lambda _: None)
        self.working: list[str] = []
        """The ways in that work, of those that are decided."""
        self.parcels: dict[int, Parcel] = {}

    def decide(self, way_in: str, *, works: bool) -> None:
        """Note whether a way in works."""
        if works:
            self.working.append(way_in)
        self._undecided.discard(way_in)
        if not self._undecided:
            self._decided.set()

    async def decided(self) -> None:
        """Return when it is known of every way in whether it works."""
        await self._decided.wait()

    async def carry(self, way_in: str, writer: Writer) -> None:
        """Write for as long as somebody waits for messages; never returns."""
        while True:
            await self._wanted.wait()
            number, now_ns = len(self.parcels), self._clock.now_ns()
            self.parcels[number] = Parcel(by=way_in, sent_ns=now_ns)
            await writer.write(self._encoder.aid(Mark.PRIMER, number, now_ns), None)
            await self._clock.sleep(PRIMER_SECONDS)

    def want(self) -> None:
        """Have messages sent, until `enough` was said as often."""
        self._waiting += 1
        self._wanted.set()

    def enough(self) -> None:
        """Need no more of them."""
        self._waiting -= 1
        if not self._waiting:
            self._wanted.clear()


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """What came out at one consumer: the first parcel from each way in."""

    reader: Reader
    courier: Courier
    latency_ns: dict[str, int] = field(default_factory=dict)
    """By the way in."""
    attached: bool = False
    """Something came, whatever it was."""

    async def take(self) -> None:
        """Take in what there is; raises StepFailed when the reader was cut off."""
        for item in await self.reader.receive():
            if isinstance(item, Arrival):
                self._open(item)
            elif item.sign is Sign.CUT:
                raise StepFailed(*_cut(item))

    def _open(self, arrival: Arrival) -> None:
        self.attached = True
        for number in self.courier.scanner.scan(b"\n".join(arrival.batches)).primers:
            parcel = self.courier.parcels.get(number)
            if parcel is not None:
                took_ns = arrival.at_ns - parcel.sent_ns
                self.latency_ns.setdefault(parcel.by, took_ns)

    def missing(self) -> list[str]:
        """Return the ways in that work, and by which nothing came."""
        return [each for each in self.courier.working if each not in self.latency_ns]


def _cut(evidence: Evidence) -> tuple[str, str]:
    words = evidence.detail
    found = (remedy for needle, remedy in _REMEDIES if needle in words)
    return words, next(found, "")


async def subscribe(box: Mailbox) -> Finding:
    """Return when something came over a subscription; raises StepFailed if cut off."""
    while not box.attached:
        await box.take()
    return Finding(words="attached: envelopes come")


async def round_trip(box: Mailbox) -> Finding:
    """Wait for a message from every way in that works."""
    await box.courier.decided()
    if not box.courier.any:
        words = "not tried: there is no way in that can be tried from here"
        return Finding(words=words, ok=None)
    if not box.courier.working:
        return Finding(words="not tried, for no way in works", ok=None)
    while box.missing():
        await box.take()
    return Finding(words=f"a message came back in {_latencies(box.latency_ns)}")


def nothing_came(box: Mailbox) -> StepFailed:
    """Return what it means that not all messages came in time."""
    missing = box.missing()
    if box.latency_ns:
        return StepFailed(
            f"nothing came by the {' nor by the '.join(missing)}; otherwise in "
            f"{_latencies(box.latency_ns)}",
            "look at whether it reaches a router: doppler_connections of its metrics, "
            f"and its log; {_DISABLED}",
        )
    sent = len(box.courier.parcels)
    return StepFailed(
        f"none of {sent:,} messages came back",
        "look at whether the agent reaches a router (doppler_connections of its "
        "metrics), and the reverse log proxy or traffic controller the routers (its "
        f"log_router_connects): restart what does not; {_DISABLED}",
    )


def _latencies(by: Mapping[str, int]) -> str:
    """Return `412 ms`, and by which way in when there are several."""
    told = {way: f"{took_ns / NS * 1000:,.0f} ms" for way, took_ns in by.items()}
    if len(told) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{took} by the {way}" for way, took in told.items())
