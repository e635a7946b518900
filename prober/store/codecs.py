"""Between records and rows: histograms and ranges packed, documents as JSON.

Packed is MessagePack, led by the number of its form. What is read back is checked and
bounded: a row that nobody of us wrote gives one sentence, and nothing worse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from sqlalchemy import Row

from prober.errors import StoreError
from prober.histogram import Frozen
from prober.history import (
    Annotation,
    Beside,
    CycleRecord,
    HourRecord,
    Live,
    RunRecord,
)
from prober.records import Counts, PlanFacts, PlatformIncrease, Span, State
from prober.store.schema import COUNTS

T = TypeVar("T")

MOST_SPANS = 100_000
"""Lost ranges that are kept of a cycle, the first ones: the counts tell all of them."""
_MOST_BYTES = 4 << 20
_FORM = 1
_FAR = (1 << 63) - 1
_Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Edges = Annotated[dict[_Number, _Number], Meta(max_length=2_000)]


class _Latency(msgspec.Struct, frozen=True, array_like=True):
    form: int
    buckets: _Edges
    max_ns: _Number | None
    negative: _Number
    sum_ns: _Number | None = None
    """Not in rows that were written before it was added up."""


class _Gaps(msgspec.Struct, frozen=True, array_like=True):
    """Each range as its distance from the end of the one before, and its length."""

    form: int
    numbers: Annotated[list[_Number], Meta(max_length=2 * MOST_SPANS)]


class _Platform(msgspec.Struct, frozen=True, array_like=True):
    form: int
    increases: Annotated[list[PlatformIncrease], Meta(max_length=10_000)]


_pack = msgspec.msgpack.Encoder().encode
_read_latency = msgspec.msgpack.Decoder(_Latency).decode
_read_gaps = msgspec.msgpack.Decoder(_Gaps).decode
_read_platform = msgspec.msgpack.Decoder(_Platform).decode


def pack_latency(latency: Frozen) -> bytes | None:
    """Return a histogram in packed form; None for an empty one."""
    if not latency.buckets:
        return None
    buckets = dict(latency.buckets)
    sum_ns = latency.sum_ns if latency.sum_ns in range(_FAR + 1) else None
    return _pack(_Latency(_FORM, buckets, latency.max_ns, latency.negative, sum_ns))


_NO_LATENCY = Frozen(buckets={}, max_ns=None, negative=0)


def unpack_latency(packed: bytes | None) -> Frozen:
    """Return the histogram that was packed; raises ValueError for anything else."""
    if packed is None:
        return _NO_LATENCY
    found = _checked(_read_latency, packed)
    if found.max_ns is None or not found.buckets or not all(found.buckets.values()):
        raise ValueError("a histogram with nothing in some bucket, or no maximum")
    return Frozen(
        buckets=found.buckets,
        max_ns=found.max_ns,
        negative=found.negative,
        sum_ns=found.sum_ns,
    )


def pack_gaps(gaps: Sequence[Span]) -> bytes | None:
    """Return lost ranges, ascending and apart, in packed form; None for none."""
    if not gaps:
        return None
    numbers, end = [], 0
    for gap in gaps[:MOST_SPANS]:
        numbers += [gap.first - end, gap.count]
        end = gap.end
    return _pack(_Gaps(_FORM, numbers))


def unpack_gaps(packed: bytes | None) -> tuple[Span, ...]:
    """Return the ranges that were packed; raises ValueError for anything else."""
    if packed is None:
        return ()
    numbers = _checked(_read_gaps, packed).numbers
    spans, end = [], 0
    for distance, count in zip(numbers[::2], numbers[1::2], strict=True):
        if not count:
            raise ValueError("a range without a length")
        spans.append(Span(first=end + distance, count=count))
        end += distance + count
    if end > _FAR:
        raise ValueError("ranges of more messages than any run has")
    return tuple(spans)


def pack_platform(increases: Sequence[PlatformIncrease]) -> bytes | None:
    """Return what counters grew by in packed form; None for nothing."""
    return _pack(_Platform(_FORM, list(increases))) if increases else None


def unpack_platform(packed: bytes | None) -> tuple[PlatformIncrease, ...]:
    """Return the increases that were packed; raises ValueError for anything else."""
    return () if packed is None else tuple(_checked(_read_platform, packed).increases)


_Packed = TypeVar("_Packed", _Latency, _Gaps, _Platform)


def _checked(decode: Callable[[bytes], _Packed], packed: bytes) -> _Packed:
    if not isinstance(packed, bytes) or len(packed) > _MOST_BYTES:
        raise ValueError("not packed, or too large")
    found = decode(packed)
    if found.form != _FORM:
        raise ValueError(f"packed in form {found.form}, known is {_FORM}")
    return found


def storable(text: str) -> str:
    """Return a text that either database takes: half characters and NUL as escapes.

    Peers' words and arguments of a command line may hold anything.
    """
    whole = text.encode("utf-8", "backslashreplace").decode()
    return whole.replace("\0", "\\x00")


def document(value: object) -> str:
    """Return a record as JSON."""
    return msgspec.json.encode(value).decode()


def from_document(text: str, kind: type[T]) -> T:
    """Return the record that a document holds; raises ValueError for anything else."""
    if not isinstance(text, str) or len(text) > _MOST_BYTES:
        raise ValueError("not a document, or too large")
    return msgspec.json.decode(text, type=kind)


def row_of_run(run: RunRecord) -> dict[str, object]:
    """Return a run as the values of its row."""
    plain = {
        name: getattr(run, name)
        for name in RunRecord.__slots__
        if name not in ("plan", "written_to", "consumers", "beside")
    }
    return plain | {
        "plan": document(_plan_of(run)),
        "written_to": document(run.written_to),
        "consumers": document(dict(run.consumers)),
    }


class _Further(msgspec.Struct):
    """What stands in a run's plan beside it: who does not know it passes it over."""

    beside: Beside | None = None


def _plan_of(run: RunRecord) -> object:
    """Return the plan as plain values, and what was measured beside the cycles."""
    if run.beside is None:
        return run.plan
    beside = replace(
        run.beside,
        warnings=tuple(map(storable, run.beside.warnings)),
        writers=tuple(
            replace(way, blocked=_plain(way.blocked), trouble=storable(way.trouble))
            for way in run.beside.writers
        ),
    )
    further = {"beside": msgspec.to_builtins(beside)}
    return {**msgspec.to_builtins(run.plan), **further}


def _plain(latency: Frozen) -> Frozen:
    """Return a histogram whose buckets are a plain dictionary, as documents have it."""
    return replace(latency, buckets=dict(latency.buckets))


def _beside(text: str) -> Beside | None:
    found = from_document(text, _Further).beside
    for way in found.writers if found else ():
        if not all(map(_fits, (*way.blocked.buckets, *way.blocked.buckets.values()))):
            raise ValueError("a histogram of times that cannot be")
    return found


def _fits(number: int) -> bool:
    return 0 <= number <= _FAR


def row_of_cycle(cycle: CycleRecord) -> dict[str, object]:
    """Return a cycle as the values of its row, judged as it was measured."""
    state = None if cycle.state is None else cycle.state.value
    return {
        "environment": cycle.environment,
        "run_id": cycle.run_id,
        "number": cycle.index,
        "consumer": cycle.consumer,
        "mode": cycle.mode,
        "scheduled_ns": cycle.scheduled_ns,
        "first_sent_ns": cycle.first_sent_ns,
        "last_sent_ns": cycle.last_sent_ns,
        "final_ns": cycle.final_ns,
        "planned": cycle.planned,
        "state": state,
        "judged": state,
        "reason": storable(cycle.reason),
        **{name: getattr(cycle.counts, name) for name in COUNTS},
        "latency": pack_latency(cycle.latency),
        "gaps": pack_gaps(cycle.gaps),
        "platform": pack_platform(cycle.platform),
    }


def row_of_hour(hour: HourRecord) -> dict[str, object]:
    """Return an hour as the values of its row."""
    return {
        "environment": hour.environment,
        "consumer": hour.consumer,
        "start_ns": hour.start_ns,
        **{f"in_{state.value}": many for state, many in hour.states.items()},
        **{name: getattr(hour.counts, name) for name in COUNTS},
        "unseen": hour.unseen,
        "unsure": hour.unsure,
        "uncounted": hour.uncounted,
        "planned": hour.planned,
        "lossy_cycles": hour.lossy_cycles,
        "largest_loss": hour.largest_loss,
        "latency": pack_latency(hour.latency),
    }


def reading(make: Callable[[Row[Any]], T], what: str) -> Callable[[Row[Any]], T]:
    """Return the same that raises StoreError, with what it was, for a hostile row."""

    def read(row: Row[Any]) -> T:
        try:
            return make(row)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            words = str(error).splitlines()[0][:200] if str(error) else "not readable"
            raise StoreError(
                f"history holds {what} that prober did not write: {words}"
            ) from None

    return read


def _run(row: Row[Any]) -> RunRecord:
    get = row._mapping  # noqa: SLF001 - SQLAlchemy's public way to the names
    values = {name: get[name] for name in RunRecord.__slots__ if name != "beside"}
    values["beside"] = _beside(values["plan"])
    values["plan"] = from_document(values["plan"], PlanFacts)
    values["written_to"] = from_document(values["written_to"], tuple[str, ...])
    values["consumers"] = from_document(values["consumers"], dict[str, str])
    return msgspec.convert(values, RunRecord)


def _cycle(row: Row[Any]) -> CycleRecord:
    get = row._mapping  # noqa: SLF001
    state = get["state"]
    return CycleRecord(
        environment=_word(get["environment"]),
        mode=_mode(get["mode"]),
        run_id=_word(get["run_id"]),
        index=_whole(get["number"]),
        consumer=_word(get["consumer"]),
        scheduled_ns=_whole(get["scheduled_ns"]),
        first_sent_ns=_maybe(get["first_sent_ns"]),
        last_sent_ns=_maybe(get["last_sent_ns"]),
        final_ns=_maybe(get["final_ns"]),
        planned=_whole(get["planned"]),
        state=None if state is None else State(state),
        reason=_word(get["reason"]),
        counts=_counts(get),
        latency=unpack_latency(get["latency"]),
        gaps=unpack_gaps(get["gaps"]),
        platform=unpack_platform(get["platform"]),
    )


_STATES = tuple(State)


def _hour(row: Row[Any]) -> HourRecord:
    """Return an hour, whose columns are known by place: a report has thousands."""
    values: Sequence[Any] = row
    environment, consumer, start_ns, *numbers, latency = values
    _all_whole([start_ns, *numbers])
    fates, sums = len(_STATES), len(_STATES) + len(COUNTS)
    unseen, unsure, uncounted, planned, lossy_cycles, largest_loss = numbers[sums:]
    return HourRecord(
        environment=_word(environment),
        consumer=_word(consumer),
        start_ns=start_ns,
        states=dict(zip(_STATES, numbers, strict=False)),
        counts=Counts(**dict(zip(COUNTS, numbers[fates:sums], strict=True))),
        unseen=unseen,
        unsure=unsure,
        uncounted=uncounted,
        planned=planned,
        lossy_cycles=lossy_cycles,
        largest_loss=largest_loss,
        latency=unpack_latency(latency),
    )


def _figures(row: Row[Any]) -> tuple[int, str, Sequence[int]]:
    """Return when an hour began, its consumer, and what evidence needs of it."""
    values: Sequence[Any] = row
    start_ns, consumer, *figures = values
    _all_whole([start_ns, *figures])
    accepted, lost, corrupt, unseen, unsure = figures[:5]
    if lost + corrupt > accepted or unseen > unsure:
        raise ValueError("more messages bad than there are")
    return start_ns, _word(consumer), tuple(figures)


def _annotation(row: Row[Any]) -> Annotation:
    get = row._mapping  # noqa: SLF001
    return msgspec.convert({n: get[n] for n in Annotation.__slots__}, Annotation)


def _live(row: Row[Any]) -> Live:
    return from_document(row.document, Live)


def _counts(get: Mapping[Any, Any]) -> Counts:
    return Counts(**{name: _whole(get[name]) for name in COUNTS})


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.40} where a count or a time belongs")
    return value


def _all_whole(values: Sequence[object]) -> None:
    """Raise ValueError as `_whole` does, if one of them is none."""
    if {*map(type, values)} != {int} or min(values) < 0:  # type: ignore[type-var, operator]
        for each in values:
            _whole(each)


def _maybe(value: object) -> int | None:
    return None if value is None else _whole(value)


def _word(value: object) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r:.40} where a text belongs")
    return value


def _mode(value: object) -> Any:  # noqa: ANN401 - one of two words
    if value not in ("ad_hoc", "continuous"):
        raise ValueError(f"{value!r:.40} where a mode belongs")
    return value


run_of = reading(_run, "a run")
cycle_of = reading(_cycle, "a cycle")
hour_of = reading(_hour, "an hour")
figures_of_row = reading(_figures, "an hour")
annotation_of = reading(_annotation, "an annotation")
live_of = reading(_live, "a daemon's word")
