"""Clocks compared, as far as a platform tells its time."""

import ssl
from email.utils import formatdate
from pathlib import Path

import pytest
import trustme

from prober.checks import clocks
from prober.clock import NS
from prober.egress.https import Server
from prober.rpc.loggregator_v2.envelope_pb2 import Counter, Envelope, EnvelopeBatch
from prober.testing import ManualClock, MemoryPipe
from tests.check.servers import listening

NOW_NS = 1_800_000_000 * NS


@pytest.mark.parametrize(
    ("ahead", "words", "warned"),
    [
        (0.0, "it agrees with ours to a second", False),
        (-1.0, "it agrees with ours to a second", False),
        (1.3, "it is 1.3 s ahead of ours", True),
        (-90.0, "it is 90.0 s behind ours", True),
    ],
)
def test_a_second_is_tolerated(ahead: float, words: str, warned: bool) -> None:  # noqa: FBT001
    """What is beyond a second is a warning, with what mends it."""
    found = clocks.judge("it", ahead)

    assert (words, warned) == (found.words, bool(found.remedy))
    assert found.ok


@pytest.mark.parametrize(
    ("told", "asked", "answered", "ahead"),
    [
        (10.0, 10.2, 10.9, 0.0),  # within the second that was told
        (10.0, 11.5, 11.6, -0.5),  # it was at most 11.0 there
        (10.0, 8.0, 9.2, 0.8),  # at least 10.0
        (10.0, 9.9, 30.0, 0.0),  # a slow answer proves nothing
    ],
)
def test_whole_seconds_are_no_difference(
    told: float, asked: float, answered: float, ahead: float
) -> None:
    """A time told in whole seconds counts for the least that it can mean."""
    times = (round(each * NS) for each in (told, asked, answered))

    assert ahead == pytest.approx(clocks._ahead(*times))


def counters(*ahead: float, at: str = "10.0.0.1") -> bytes:
    """Return counters of a router whose clock is so many seconds ahead."""
    batch = [
        Envelope(
            source_id="doppler",
            timestamp=NOW_NS + round(each * NS),
            tags={"ip": at},
            counter=Counter(name="dropped"),
        )
        for each in ahead
    ]
    return EnvelopeBatch(batch=batch).SerializeToString()


async def heard(*batches: bytes, under_way: float | None = 0.4) -> tuple[str, str]:
    """Return what counters that came at once make of the clocks."""
    pipe = MemoryPipe(ManualClock(NOW_NS))
    async with pipe.reader() as reader:
        for raw in batches:
            pipe.carry(raw)
        watch = clocks.Watch(reader=reader)
        under_way_ns = None if under_way is None else round(under_way * NS)
        found = await clocks.of_platform(watch, under_way_ns)
    return found.words, found.remedy


async def test_time_under_way_is_no_difference() -> None:
    """What is as old as a message of ours was written just now."""
    words, remedy = await heard(counters(-1.3, -5.0))

    assert ("the clock of doppler at 10.0.0.1 agrees with ours to a second", "") == (
        words,
        remedy,
    )


async def test_worst_clock_is_told() -> None:
    """Each machine's clock is compared, and the worst of them is named."""
    words, remedy = await heard(
        counters(-0.2), counters(3.0, 2.0, at="10.0.0.2"), under_way=None
    )

    assert "the clock of doppler at 10.0.0.2 is 3.0 s ahead of ours" == words
    assert "chronyc tracking" in remedy


async def test_clock_that_is_behind_is_told() -> None:
    """What is older than it took to come was written by a slow clock."""
    words, _ = await heard(counters(-60.4))

    assert "the clock of doppler at 10.0.0.1 is 60.0 s behind ours" == words


async def dated(path: Path, date: str) -> tuple[bool | None, str]:
    """Ask a server of HTTPS that tells a date for its time."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(path / "ca.crt")
    answer = f"HTTP/1.1 404 No\r\n{date}Content-Length: 0\r\n\r\n".encode()

    def serve(connection: ssl.SSLSocket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(answer)

    async with listening(serve) as address:  # type: ignore[arg-type]
        ca_file = str(path / "ca.crt")
        server = Server(peer="UAA", url=f"wss://{address}/x", ca_file=ca_file)
        found = await clocks.of_server(server, ManualClock(NOW_NS))
    return found.ok, found.words


async def test_date_of_an_answer_is_compared(tmp_path: Path) -> None:
    """A server that lives an hour ago is behind, one of today is not."""
    now = f"Date: {formatdate(NOW_NS // NS, usegmt=True)}\r\n"
    hour_ago = f"Date: {formatdate(NOW_NS // NS - 3600, usegmt=True)}\r\n"

    agrees = (True, "its clock agrees with ours to a second")
    assert agrees == await dated(tmp_path, now)
    behind = (True, "its clock is 3,599.0 s behind ours")
    assert behind == await dated(tmp_path, hour_ago)


async def test_no_date_tells_nothing(tmp_path: Path) -> None:
    """Without a date, or with one that is none, nothing is said of the clock."""
    assert (None, "it does not tell its time") == await dated(tmp_path, "")
    assert (None, "it does not tell its time") == await dated(tmp_path, "Date: ?\r\n")
