"""The steps of each kind of target, in their order, as literal tables."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from prober.checks import authority, certificates, clocks, handshake, network, trip
from prober.checks.findings import Finding, StepFailed
from prober.checks.timing import within
from prober.checks.trip import Mailbox
from prober.checks.visits import Authority, Target, Visit, WayIn, WayOut
from prober.errors import ProberError

Late = Callable[[Visit, float], Finding]
"""Says what it means that a step was not done within so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step: what it does, for how long, and what it means when that is over."""

    name: str
    do: Callable[[Visit], Awaitable[Finding]]
    limit: str
    """Which of the limits holds."""
    late: Late


def _silent(words: str, remedy: str) -> Late:
    """Return what fails a step that was not done in time."""

    def late(visit: Visit, seconds: float) -> Finding:
        names = {name: visit.peer.setting(name) for name in ("address", "ca_file")}
        told = words.format(seconds=f"{seconds:g} s", host=visit.peer.host)
        raise StepFailed(told, remedy.format(host=visit.peer.host, **names))

    return late


async def _certificates(visit: Visit) -> Finding:
    assert visit.peer.tls is not None  # noqa: S101 - this step is one of gRPC's
    return certificates.own_files(visit.peer, visit.peer.tls, visit.terms.clock)


async def _name(visit: Visit) -> Finding:
    found, visit.addresses = await network.resolve(visit.peer)
    return found


async def _tcp(visit: Visit) -> Finding:
    terms = visit.terms
    seconds = min(terms.limits.tcp, terms.deadline.left())
    found, visit.host = await network.connect(
        visit.peer, visit.addresses, terms.clock, seconds
    )
    return found


async def _tls(visit: Visit) -> Finding:
    return await handshake.tls(visit.peer, visit.host, visit.terms.clock)


async def _stream(visit: Visit) -> Finding:
    assert isinstance(visit.target, WayIn)  # noqa: S101 - the table's promise
    try:
        visit.writer = await visit.held.enter_async_context(visit.target.open())
    except ProberError as error:
        service = "correct the port: it serves gRPC, but not the Ingress service"
        other = "look into its log"
        remedy = service if "UNIMPLEMENTED" in str(error) else other
        raise StepFailed(str(error), remedy) from None
    return Finding(words="it takes messages in")


async def _token(visit: Visit) -> Finding:
    rights = _consumer(visit).rights
    assert rights is not None  # noqa: S101 - the table's promise
    return await authority.token(rights.tokens, rights.remedy)


async def _scopes(visit: Visit) -> Finding:
    rights = _consumer(visit).rights
    assert rights is not None  # noqa: S101 - the table's promise
    return authority.scopes(rights.tokens, rights.needed, rights.own_app)


async def _subscribe(visit: Visit) -> Finding:
    consumer = _consumer(visit)
    if consumer.counters is not None:
        listener = await visit.held.enter_async_context(consumer.counters())
        visit.watch = clocks.Watch(reader=listener)
    reader = await visit.held.enter_async_context(consumer.open())
    visit.box = Mailbox(reader=reader, courier=visit.terms.courier)
    return await trip.subscribe(visit.box)


def _taken_for_granted(visit: Visit, seconds: float) -> Finding:
    del visit
    return Finding(words=f"asked for, and not refused within {seconds:g} s")


async def _round_trip(visit: Visit) -> Finding:
    box, terms = _box(visit), visit.terms
    await terms.courier.decided()
    try:
        async with within(terms.clock, terms.limits.round_trip):
            return await trip.round_trip(box)
    except TimeoutError:
        raise trip.nothing_came(box) from None


def _nothing_came(visit: Visit, seconds: float) -> Finding:
    del seconds
    raise trip.nothing_came(_box(visit))


async def _clock(visit: Visit) -> Finding:
    target = visit.target
    if isinstance(target, WayOut) and visit.watch is not None:
        took_ns = min(_box(visit).latency_ns.values(), default=None)
        return await clocks.of_platform(visit.watch, took_ns)
    if isinstance(target, WayIn) or target.server is None:
        return Finding(words="it does not tell its time", ok=None)
    return await clocks.of_server(target.server, visit.terms.clock)


def _tells_no_time(visit: Visit, seconds: float) -> Finding:
    del visit
    words = f"it did not tell its time within {seconds:g} s"
    return Finding(words=words, ok=None)


def _consumer(visit: Visit) -> WayOut:
    assert isinstance(visit.target, WayOut)  # noqa: S101 - the table's promise
    return visit.target


def _box(visit: Visit) -> Mailbox:
    assert visit.box is not None  # noqa: S101 - subscribed before
    return visit.box


_FILES = Row(
    name="certificates",
    do=_certificates,
    limit="total",
    late=_silent("the files were not read within {seconds}", "look at their disk"),
)
_CONNECTION = (
    Row(
        name="name",
        do=_name,
        limit="name",
        late=_silent(
            "the name {host} was not resolved within {seconds}",
            "look at this machine's resolver: getent hosts {host}",
        ),
    ),
    Row(
        name="tcp",
        do=_tcp,
        limit="total",
        late=_silent("no answer within {seconds}", "correct {address}"),
    ),
    Row(
        name="tls",
        do=_tls,
        limit="tls",
        late=_silent(
            "it took the connection, and did not shake hands within {seconds}",
            "correct the port in {address} if it is no server of TLS; or restart it, "
            "for it hangs",
        ),
    ),
)
_MESSAGES = (
    Row(
        name="subscribe",
        do=_subscribe,
        limit="subscribe",
        late=_taken_for_granted,
    ),
    Row(name="round_trip", do=_round_trip, limit="total", late=_nothing_came),
)
_TIME = Row(name="clock", do=_clock, limit="clock", late=_tells_no_time)

_WAY_IN = (
    _FILES,
    *_CONNECTION,
    Row(
        name="stream",
        do=_stream,
        limit="stream",
        late=_silent(
            "it shook hands, and did not answer a stream within {seconds}",
            "restart it, for it hangs",
        ),
    ),
)
_AUTHORITY = (*_CONNECTION, _TIME)
_RLP = (_FILES, *_CONNECTION, *_MESSAGES, _TIME)
_HTTPS = (
    *_CONNECTION,
    Row(
        name="token",
        do=_token,
        limit="token",
        late=_silent("no token came within {seconds}", "see the steps of the UAA"),
    ),
    Row(
        name="scopes",
        do=_scopes,
        limit="total",
        late=_silent("they were not read within {seconds}", "try again"),
    ),
    *_MESSAGES,
    _TIME,
)

_ROWS: Mapping[type[Target], tuple[Row, ...]] = {
    WayIn: _WAY_IN,
    Authority: _AUTHORITY,
    WayOut: _RLP,
}


def rows(target: Target) -> tuple[Row, ...]:
    """Return the steps of a target."""
    if isinstance(target, WayOut) and target.rights is not None:
        return _HTTPS
    return _ROWS[type(target)]
