"""Exports in every form that an archive may give them, read piece by piece."""

import base64
import gzip
import io
import json
import re
import tracemalloc
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.clock import NS
from prober.egress import export
from prober.egress.export import sightings
from prober.errors import UsageError
from prober.ingress.envelopes import AsSent, Encoder
from prober.plan import Plan, Sizes
from prober.records import Kind, Span
from prober.rpc.loggregator_v2.envelope_pb2 import EnvelopeBatch
from prober.stamp import TAG, Mark, Scanner, Sightings, Stamp, payload

RUN, OTHER = "k3v9x2m4q7a", "aaaaaaaaaaa"
SIZE = 130


def line(sequence: int, *, run: str = RUN, size: int = SIZE) -> bytes:
    """A log's payload."""
    return payload(
        Stamp(
            run=run,
            cycle=sequence // 10,
            sequence=sequence,
            sent_ns=1_800_000_000 * NS + sequence,
            mark=Mark.LOG,
            size=size,
        )
    )


def scanner() -> Scanner:
    """Looks for a hundred messages in ten cycles."""
    return Scanner(RUN, lambda number: number // 10 if number < 100 else None)


def read(raw: bytes, *, largest: int = SIZE) -> Sightings:
    """Everything that is found in an export."""
    total = Sightings()
    source = io.BytesIO(raw)
    for found in sightings(source, "export", scanner(), largest, AsSent):
        total.sequences += found.sequences
        total.sent_ns += found.sent_ns
        total.primers += found.primers
        total.trailers += found.trailers
        total.damaged += found.damaged
        total.other_runs += found.other_runs
    return total


def plain(lines: list[bytes]) -> bytes:
    """As `cf logs` shows them."""
    return b"".join(b"2027-01-15 [APP/0] OUT " + each + b"\n" for each in lines)


def escaped(lines: list[bytes]) -> bytes:
    """JSON in which every slash is escaped, in JSON again."""
    inner = [json.dumps({"msg": each.decode()}).replace("/", r"\/") for each in lines]
    outer = (json.dumps({"_raw": each}).replace("/", r"\/") for each in inner)
    return "\n".join(outer).encode()


def base_64(lines: list[bytes]) -> bytes:
    """As the gateway writes payloads, and some shippers escape them."""
    texts = (base64.b64encode(each).replace(b"/", rb"\/") for each in lines)
    return b"".join(b'{"log":{"payload":"%b"}}\n' % each for each in texts)


def wide(lines: list[bytes]) -> bytes:
    """As a Windows shell redirects it."""
    return plain(lines).decode().encode("utf-16")


FORMS = [plain, escaped, base_64, wide]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_every_form_is_read(
    form: Callable[[list[bytes]], bytes], packed: Callable[[bytes], bytes]
) -> None:
    """Text, escaped or wide, base64, packed or not: every message is found once."""
    lines = [line(each) for each in range(20)]

    found = read(packed(form(lines)))

    assert list(range(20)) == sorted(found.sequences)
    assert ([], 0) == (found.damaged, found.other_runs)


def test_every_kind_is_found_by_its_tag() -> None:
    """Stamps in tags are read in JSON, though the content is not there to check."""
    plan = Plan(
        messages=100,
        cycles=10,
        rate=None,
        sizes=Sizes(low=100, high=100),
        kinds=tuple(Kind),
        source_id="prober",
        seed=3,
    )
    raw = Encoder(RUN, plan).messages(Span(first=0, count=100), 0, 1_800_000_000 * NS)
    envelopes = EnvelopeBatch.FromString(raw).batch
    texts = [
        each.tags[TAG] if TAG in each.tags else each.log.payload.decode()
        for each in envelopes
    ]

    found = read("\n".join(texts).encode())

    assert list(range(100)) == list(found.sequences)
    assert [] == found.damaged


MIXED = b"\n".join(
    [
        b'{"a":"%b"}' % line(1),
        line(2, run=OTHER),
        base64.b64encode(line(3)),
        line(4)[:50] + b"...",  # cut off
        line(5).replace(b"quick", b"thick"),  # damaged
        b"prober/1 is a lookalike, and k3v9x2m4q7a a run's name alone",
        line(6).replace(b"/", rb"\/"),
        line(7)[40:],
        base64.b64encode(line(8)).replace(b"/", rb"\/"),
        line(9),
    ]
)


def same(one: Sightings, other: Sightings) -> bool:
    """Whether both found the same, in whatever order."""
    return [sorted(map(str, each)) for each in _lists(one)] == [
        sorted(map(str, each)) for each in _lists(other)
    ] and one.other_runs == other.other_runs


def _lists(found: Sightings) -> list[Sequence[int | None]]:
    return [found.sequences, found.sent_ns, found.damaged]


WHOLE = scanner().scan(re.sub(rb"\\+/", b"/", MIXED), AsSent)


class Pieces(io.BytesIO):
    """A file that gives no more at a time than it wants to."""

    def __init__(self, raw: bytes, sizes: list[int]) -> None:
        super().__init__(raw)
        self._sizes = iter(sizes)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as much as is next."""
        return super().read(next(self._sizes, size))


def pieces(raw: bytes, sizes: list[int]) -> Sightings:
    """Everything that is found when an export comes in such pieces."""
    total = Sightings()
    for found in sightings(Pieces(raw, sizes), "export", scanner(), SIZE, AsSent):
        total.sequences += found.sequences
        total.sent_ns += found.sent_ns
        total.damaged += found.damaged
        total.other_runs += found.other_runs
    return total


@pytest.mark.parametrize("part", range(8))
def test_split_at_every_byte(part: int) -> None:
    """Wherever a piece ends, nothing is missed and nothing is found twice."""
    assert [1, 3, 6, 8, 9] == sorted(WHOLE.sequences)
    for at in range(1 + part, len(MIXED), 8):
        assert same(WHOLE, pieces(MIXED, [at])), at


@given(sizes=st.lists(st.integers(1, 400), max_size=30))
def test_any_pieces(sizes: list[int]) -> None:
    """Many pieces, smaller than a stamp some of them, give the same as one."""
    assert same(WHOLE, pieces(MIXED, sizes))


@given(noise=st.binary(max_size=300), sizes=st.lists(st.integers(1, 50), max_size=20))
def test_any_bytes(noise: bytes, sizes: list[int]) -> None:
    """Whatever stands around stamps, they are found, and nothing fails."""
    raw = b"x" + noise + line(1) + noise + line(2)

    assert [1, 2] == sorted(pieces(raw, sizes).sequences)


def test_several_members_are_one_file() -> None:
    """What was packed bit by bit, and filled up with zeros, is read to its end."""
    members = b"".join(gzip.compress(line(each) + b"\n") for each in range(5))

    assert list(range(5)) == sorted(read(members + b"\0" * 512).sequences)


def test_memory_stays_bounded() -> None:
    """A file that unfolds a thousandfold takes no more memory than any other."""
    bomb = gzip.compress(b"\0" * (64 << 20) + line(1))
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        found = read(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [1] == list(found.sequences)
    assert peak < 16 * export.PIECE_BYTES


def test_backslashes_without_end_stay_bounded() -> None:
    """A held-back end of a piece does not grow with what follows."""
    pieces = list(export._unescaped([b"\\" * 1000] * 50))

    assert max(map(len, pieces)) <= 1000 + 8


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"PK\x03\x04rest", "export is a zip archive: unpack it, and pipe what is in"),
        (b"\x28\xb5\x2f\xfdrest", "export is packed with zstd: unpack it"),
        (gzip.compress(b"x" * 999)[:-9], "export is cut off within what gzip packed"),
        (b"\x1f\x8bnonsense", "export is damaged: "),
        (gzip.compress(b"x") + b"nonsense", "export is damaged: "),
    ],
    # What gzip packs has the time in it, and names are the same in all processes.
    ids=["zip", "zstd", "cut off", "damaged", "garbage behind"],
)
def test_what_cannot_be_read_is_named(raw: bytes, sentence: str) -> None:
    """What is packed otherwise, damaged or cut off is refused, not half read."""
    with pytest.raises(UsageError, match=re.escape(sentence)):
        read(raw)


def test_nothing_is_found_in_nothing() -> None:
    """An empty export is an export."""
    assert not read(b"").sequences
