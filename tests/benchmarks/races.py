"""What is measured, each against a yardstick in the same process at the same time."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prober.ingress.envelopes import Encoder
from prober.ledger import Deadlines, Fate, Ledger
from prober.plan import NS, Plan, Sizes
from prober.probe.groups import MAX_ARRIVALS, Group
from prober.records import Arrival, Kind, Span
from prober.rpc.loggregator_v2.envelope_pb2 import EnvelopeBatch
from prober.stamp import Scanner
from tests.benchmarks import naive

RUN, OTHER = "k3v9x2m4q7a", "00000000000"
SENT_NS = 1_795_418_514_123_456_789
LATE = Deadlines(late_after_ns=5 * NS, lost_after_ns=60 * NS)
BATCH = 100
MESSAGES = 12_800
TAGS = {  # as agents and routers add them, three of them ours to begin with
    "deployment": "cf",
    "job": "diego-cell",
    "index": "4b3c1a1e-2b7e-4b1a-9a0e-1b2c3d4e5f60",
    "ip": "10.0.16.14",
    "origin": "rep",
    "source_type": "APP/PROC/WEB",
    "instance_group": "diego-cell",
    "__v1_type": "LogMessage",
}
Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Ours against a yardstick, each doing the work of so many envelopes.

    The ratio is the yardstick's time over ours; `goal` is the least that it may be.
    """

    name: str
    against: str
    goal: float
    ours: Work
    yardstick: Work
    envelopes: int


def plan_of(
    messages: int = MESSAGES,
    sizes: tuple[int, int] = (100, 100),
    kinds: Sequence[Kind] = (Kind.LOG,),
    cycles: int = 1,
) -> Plan:
    """Return a plan to send as fast as possible."""
    return Plan(
        messages=messages,
        cycles=cycles,
        rate=None,
        sizes=Sizes(low=sizes[0], high=sizes[1]),
        kinds=tuple(kinds),
        source_id="prober",
        seed=1,
    )


def spans(first: int = 0, messages: int = MESSAGES) -> list[Span]:
    """Return full batches of messages."""
    return [Span(first=n, count=BATCH) for n in range(first, first + messages, BATCH)]


def received(
    plan: Plan, first: int = 0, *, disorder: bool = False, twice: float = 0
) -> list[bytes]:
    """Return batches as a reverse log proxy re-serialises them.

    All envelopes may have changed places, a share come twice.
    """
    rng = random.Random(1)  # noqa: S311 - nothing secret
    encoder, envelopes = Encoder(RUN, plan), []
    for span in spans(first):
        raw = encoder.messages(span, plan.cycle_of(span.first) or 0, SENT_NS)
        for envelope in EnvelopeBatch.FromString(raw).batch:
            names = list(TAGS)
            rng.shuffle(names)
            for name in names:
                envelope.tags[name] = TAGS[name]
            envelopes += [envelope] * (2 if rng.random() < twice else 1)
    if disorder:
        rng.shuffle(envelopes)
    # As many batches as without duplicates: one more group would cost more than they.
    size = -(-len(envelopes) * BATCH // MESSAGES)
    parts = [envelopes[n : n + size] for n in range(0, len(envelopes), size)]
    return [EnvelopeBatch(batch=part).SerializeToString() for part in parts]


def encode(plan: Plan) -> Work:
    """Return what makes batches by templates."""
    encoder = Encoder(RUN, plan)
    return lambda: [encoder.messages(span, 0, SENT_NS) for span in spans()]


def encode_naively(plan: Plan) -> Work:
    """Return what makes the same batches of objects."""
    return lambda: [naive.batch(RUN, plan, span, 0, SENT_NS) for span in spans()]


def account(plan: Plan, batches: Sequence[bytes], together: int = MAX_ARRIVALS) -> Work:
    """Return what scans and books batches by a ledger that had nothing of them yet."""
    scanner = Scanner(RUN, plan.cycle_of)
    ledger = Ledger(plan, LATE, ["rlp"])
    tally = ledger._accounts["rlp"].tally
    for span in spans(plan.messages - MESSAGES):
        ledger.attempt(span, plan.cycle_of(span.first) or 0, SENT_NS)
    arrivals = [Arrival(batches=(b,), at_ns=SENT_NS + NS, epoch=1) for b in batches]

    def work() -> None:
        tally.fates.values[-MESSAGES:] = Fate.UNSEEN  # as before any came
        tally.highest = -1
        for first in range(0, len(arrivals), together):
            group = Group(tuple(arrivals[first : first + together]))
            found = scanner.scan(group.raw, in_base64=False)
            ledger.arrive("rlp", found, SENT_NS + NS, 1, group.times(found.places))

    return work


def account_naively(batches: Sequence[bytes]) -> Work:
    """Return what parses batches and keeps a set."""

    def work() -> None:
        kept = naive.Account(RUN, LATE.late_after_ns)
        for raw in batches:
            kept.read(raw, SENT_NS + NS)

    return work


def parse(batches: Sequence[bytes]) -> Work:
    """Return what parses batches and does nothing with them."""
    return lambda: [EnvelopeBatch.FromString(raw) for raw in batches]


def skim(batches: Sequence[bytes]) -> Work:
    """Return what looks through batches for stamps."""
    scanner = Scanner(RUN, lambda _: None)
    starts = range(0, len(batches), MAX_ARRIVALS)
    joined = [b"\n".join(batches[at : at + MAX_ARRIVALS]) for at in starts]
    return lambda: [scanner.scan(raw, in_base64=False) for raw in joined]


def races(*, short: bool = False) -> list[Race]:
    """Return all races, or those that a gross mistake would show in."""
    plan = plan_of()
    batches = received(plan)
    chosen = [
        _race("encode", "pb2 objects", 40, encode(plan), encode_naively(plan)),
        _race(
            "scan and account",
            "pb2 and a set",
            6,
            account(plan, batches),
            account_naively(batches),
        ),
        _foreign(batches),
    ]
    return chosen if short else [*chosen, *_encodings(), *_growth(plan, batches)]


def _race(name: str, against: str, goal: float, ours: Work, yardstick: Work) -> Race:
    return Race(
        name=name,
        against=against,
        goal=goal,
        ours=ours,
        yardstick=yardstick,
        envelopes=MESSAGES,
    )


def _foreign(batches: Sequence[bytes]) -> Race:
    """Traffic of others: nothing in it is ours, or anybody's.

    A parse alone, of which nothing is read, does some 2.5 M/s: the goal is 2 M/s.
    """
    foreign = [
        raw.replace(b"prober/1 ", b"request= ").replace(RUN.encode(), OTHER.encode())
        for raw in batches
    ]
    return _race("skim foreign", "pb2 parse", 1, skim(foreign), parse(foreign))


def _encodings() -> list[Race]:
    ranged = plan_of(sizes=(100, 2000))
    templates = [kind for kind in Kind if kind is not Kind.GAUGE]
    plans = {
        "encode 100-2000 bytes": (1.5, ranged),
        "encode counters": (40.0, plan_of(kinds=[Kind.COUNTER])),
        "encode kinds, no gauges": (2.0, plan_of(kinds=templates)),
        "encode gauges": (0.7, plan_of(kinds=[Kind.GAUGE])),
    }
    return [
        _race(name, "pb2 objects", goal, encode(plan), encode_naively(plan))
        for name, (goal, plan) in plans.items()
    ]


def _growth(plan: Plan, batches: Sequence[bytes]) -> list[Race]:
    """What costs more than the plain case, which is the yardstick here."""
    plain = account(plan, batches)
    large = plan_of(messages=100_000_000)
    fine = plan_of(messages=1_000_000, cycles=10_000)
    last = [received(each, each.messages - MESSAGES) for each in (large, fine)]
    cases = {
        "full disorder": (1 / 1.5, account(plan, received(plan, disorder=True))),
        "1 % duplicates": (1 / 1.1, account(plan, received(plan, twice=0.01))),
        "100 M outstanding": (1 / 1.3, account(large, last[0])),
        "10,000 cycles": (1 / 1.3, account(fine, last[1])),
        "one batch at a time": (0.15, account(plan, batches, together=1)),
    }
    return [
        _race(name, "ours, plain", goal, ours, plain)
        for name, (goal, ours) in cases.items()
    ]
