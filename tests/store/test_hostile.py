"""Rows that nobody of us wrote: one sentence each, and nothing worse."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from prober.errors import StoreError
from prober.histogram import Frozen
from prober.history import HOUR_NS
from prober.records import Span, State
from prober.store import Store, codecs, open_store
from prober.store.engines import transaction
from tests.store.samples import START_NS, annotation, cycle, run

_PACK = msgspec.msgpack.encode


def _spoil(store: Store, statement: str, **values: object) -> None:
    with transaction(store._engine, writes=True) as connection:
        connection.execute(text(statement), values)


@pytest.fixture
def spoiled(tmp_path: Path) -> Store:
    """A history in a file, in which a row of each kind can be spoiled."""
    store = open_store(tmp_path / "history.sqlite")
    store.put_run(run())
    store.put_cycles([cycle(0, State.LOSS)])
    store.annotate(annotation())
    return store


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "splendid"),
        ("lost", "many"),
        ("lost", -1),
        ("lost", 1.5),
        ("scheduled_ns", "yesterday"),
        ("planned", b"\x00"),
        ("mode", "sideways"),
        ("latency", "text"),
        ("latency", b"\xff\xff"),
        ("latency", b"\x00" * 5_000_000),
        ("latency", _PACK([2, {}, None, 0])),
        ("latency", _PACK([1, {5: -1}, None, 0])),
        ("latency", _PACK([1, {-5: 1}, None, 0])),
        ("latency", _PACK([1, dict.fromkeys(range(3_000), 1), None, 0])),
        ("gaps", _PACK([1, [1]])),
        ("gaps", _PACK([1, [0] * 300_000])),
        ("gaps", _PACK([1, "abc"])),
        ("platform", _PACK([1, [{"component": 1}]])),
        ("platform", _PACK({"a": 1})),
    ],
)
def test_a_hostile_cycle_is_told(spoiled: Store, column: str, value: object) -> None:
    """Wrong types, negative counts, bombs and strange forms: never a crash."""
    _spoil(spoiled, f"UPDATE cycles SET {column} = :value", value=value)  # noqa: S608

    with pytest.raises(StoreError, match="history holds a cycle that prober did not"):
        spoiled.cycles()
    spoiled.close()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ('UPDATE runs SET plan = \'{"messages": "all"}\'', "a run that"),
        ("UPDATE runs SET plan = 'x'", "a run that"),
        ("UPDATE runs SET consumers = '[1]'", "a run that"),
        ("UPDATE runs SET seed = 'x'", "a run that"),
        ("UPDATE hours SET unseen = 'x'", "an hour that"),
        ("UPDATE hours SET latency = x'ff'", "an hour that"),
        ("UPDATE annotations SET kind = 'magic'", "an annotation that"),
        ("UPDATE annotations SET to_ns = 'x'", "an annotation that"),
    ],
)
def test_a_hostile_row_is_told(spoiled: Store, statement: str, words: str) -> None:
    """Each kind of row is named in a sentence."""
    _spoil(spoiled, statement)

    with pytest.raises(StoreError, match=f"history holds {words} prober did not write"):
        spoiled.history("production", START_NS, START_NS + 2 * HOUR_NS)
    spoiled.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hours SET unseen = 'x'",
        "UPDATE hours SET lost = -1",
        "UPDATE hours SET lost = accepted + 1",
        "UPDATE hours SET unseen = unsure + 1",
    ],
)
def test_a_hostile_hour_is_told_by_a_summary_too(
    spoiled: Store, statement: str
) -> None:
    """Hours that cannot be are named before anything is worked out from them."""
    _spoil(spoiled, statement)

    with pytest.raises(StoreError, match="history holds an hour that prober did not"):
        spoiled.summary("production", START_NS, START_NS + 2 * HOUR_NS)
    spoiled.close()


def test_what_is_packed_is_small() -> None:
    """A minute of latencies and a lost lap take some hundred bytes at most."""
    latency = cycle().latency
    buckets = dict.fromkeys(range(10_000_000, 50_000_000, 400_000), 3)
    broad = Frozen(buckets=buckets, max_ns=50_000_000, negative=0)

    assert latency == codecs.unpack_latency(codecs.pack_latency(latency))
    assert broad == codecs.unpack_latency(codecs.pack_latency(broad))
    assert len(codecs.pack_latency(broad) or b"") < 700
    assert len(codecs.pack_gaps((Span(first=123_456, count=1_000),)) or b"") < 15
    assert None is codecs.pack_latency(Frozen(buckets={}, max_ns=None, negative=0))


def test_a_latency_of_before_sums_were_kept() -> None:
    """A row of an older prober is read as it was; of its sum nothing is known."""
    before = codecs.unpack_latency(_PACK([1, {1_000: 3}, 990, 0]))

    assert Frozen(buckets={1_000: 3}, max_ns=990, negative=0, sum_ns=None) == before


def test_a_sum_that_no_column_holds() -> None:
    """A sum beyond 63 bits is not kept, and costs nothing else."""
    broad = Frozen(buckets={1_000: 3}, max_ns=990, negative=0, sum_ns=1 << 70)

    assert replace(broad, sum_ns=None) == codecs.unpack_latency(
        codecs.pack_latency(broad)
    )


def test_more_ranges_than_are_kept_are_cut() -> None:
    """A cycle that lost every other message keeps the first ranges: counts tell all."""
    gaps = tuple(Span(first=2 * place, count=1) for place in range(120_000))

    kept = codecs.unpack_gaps(codecs.pack_gaps(gaps))

    assert gaps[: codecs.MOST_SPANS] == kept
