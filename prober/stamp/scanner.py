"""Every stamp in raw bytes: the perfect ones in bulk, each of the others by itself."""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prober.stamp import bulk
from prober.stamp.bulk import Columns, Mask
from prober.stamp.damage import Damage
from prober.stamp.fields import alone
from prober.stamp.search import Places, Rows, Search, Wrapping, wrappings
from prober.stamp.token import MARK, TAGGED, WIDTH, Mark, decode, filler

_BULK_FILLER = 4096
"""Bytes of filler up to which it is gathered to be compared, many at a time."""


def _numbers() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Sightings:
    """What was found in some raw bytes: the material of the ledger.

    `sequences`, `sent_ns` and `places` are parallel: intact stamps of counted messages
    of the run that was looked for, in the order of the bytes.
    """

    sequences: "array[int]" = field(default_factory=_numbers)
    sent_ns: "array[int]" = field(default_factory=_numbers)
    places: "array[int]" = field(default_factory=_numbers, compare=False)
    """Where in the bytes each of them starts."""
    ends: "array[int]" = field(default_factory=_numbers, compare=False)
    """Where in the bytes its payload, or what else it stands in, should end."""
    odd: int = field(default=0, compare=False)
    """How many of them do not seem to: see `prober.stamp.fields`."""
    primers: list[int] = field(default_factory=list)
    trailers: list[int] = field(default_factory=list)
    damaged: list[int | None] = field(default_factory=list)
    """Damaged messages of the run: the sequence number as far as it is still told."""
    other_runs: int = 0

    def in_order(self) -> None:
        """Sort the intact messages by their places."""
        self.keep(np.argsort(np.asarray(self.places)))

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Have only some of the intact messages, in the order of these rows."""
        for name in ("sequences", "sent_ns", "places", "ends"):
            column = np.asarray(getattr(self, name))
            setattr(self, name, array("q", column[rows].tobytes()))


Contents = Callable[[], Mapping[bytes, bytes]]
"""Returns, by token, what `content` makes of each tagged envelope as it arrived."""


class Scanner:
    """Finds the stamps of one run in raw bytes, whatever the transport wrapped them in.

    `cycle_of` tells the cycle of a sequence number, None for one that is not in the
    plan; it decides what a damaged stamp may be taken for.
    """

    def __init__(self, run: str, cycle_of: Callable[[int], int | None]) -> None:
        self._run = run.encode()
        self._damage = Damage(self._run, cycle_of)
        self._plain, self._base64 = wrappings(self._run)
        self._search_plain = Search(*self._plain.needles)
        self._search_both = Search(*self._plain.needles, *self._base64.needles)

    def scan(
        self,
        raw: bytes,
        contents: Contents = dict,
        *,
        until: int | None = None,
        in_base64: bool = True,
    ) -> Sightings:
        """Return every stamp in `raw`; foreign bytes and lookalikes are passed over.

        With `until` only those that start before that place: what lies behind it helps
        to read them, and is scanned with what comes next. Where nothing can come in
        base64, half of the looking can be spared.
        """
        found = Sightings()
        survivors = _Survivors(contents)
        search = self._search_both if in_base64 else self._search_plain
        places = iter(search.find(raw))
        for wrapping in (self._plain, self._base64)[: 1 + in_base64]:
            starts = wrapping.starts(raw, next(places), next(places))
            if until is not None:
                starts = starts[starts < until]
            if starts.size:
                mixed = bool(found.places)
                self._sort_out(found, _Text(raw, wrapping, starts), survivors)
                if mixed:
                    found.in_order()
        return found

    def _sort_out(
        self, found: Sightings, text: "_Text", survivors: "_Survivors"
    ) -> None:
        """Take in the perfect tokens in bulk, and classify each of the others."""
        columns = text.columns(self._run)
        counted = columns.perfect & columns.ours & text.filled(columns)
        foreign = columns.perfect & ~columns.ours
        found.other_runs += int(np.count_nonzero(foreign))
        for row in np.flatnonzero(~counted & ~foreign).tolist():
            token = text.token(row)
            survives = survivors.of(token)
            stamp = self._classify(found, token, survives, text.rest(row))
            if stamp is not None:
                counted[row] = True
                columns.sequences[row], columns.sent_ns[row] = stamp[:2]
                columns.sizes[row] = stamp[2]
        if not counted.any():
            return
        starts = text.starts[counted]
        ends = starts + text.span(columns.sizes[counted])
        found.odd += len(starts) - int(np.count_nonzero(alone(text.raw, starts, ends)))
        found.sequences.frombytes(columns.sequences[counted].tobytes())
        found.sent_ns.frombytes(columns.sent_ns[counted].tobytes())
        found.places.frombytes(starts.tobytes())
        found.ends.frombytes(ends.tobytes())

    def _classify(
        self,
        found: Sightings,
        token: bytes,
        survives: bytes,
        rest: Callable[[int], bytes],
    ) -> tuple[int, int, int] | None:
        """Return an intact message's number, time and width; note anything else."""
        stamp = decode(token, survives)
        if stamp is None:
            ours, sequence = self._damage.assess(token, survives)
            if ours:
                found.damaged.append(sequence)
        elif stamp.run.encode() != self._run:
            found.other_runs += 1
        elif stamp.mark is Mark.PRIMER:
            found.primers.append(stamp.sequence)
        elif stamp.mark is Mark.TRAILER:
            found.trailers.append(stamp.sequence)
        elif stamp.mark is Mark.LOG and rest(stamp.size) != filler(stamp.size - WIDTH):
            found.damaged.append(stamp.sequence)
        else:
            width = stamp.size if stamp.mark is Mark.LOG else WIDTH
            return stamp.sequence, stamp.sent_ns, width
        return None


class _Survivors:
    """What survives of tagged envelopes: asked for once, and only if there is one."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._known: Mapping[bytes, bytes] | None = None

    def of(self, token: bytes) -> bytes:
        if token[MARK] not in TAGGED:
            return b""
        if self._known is None:
            self._known = self._contents()
        return self._known.get(token, b"")


class _Text:
    """The tokens that start at some places in raw bytes, all wrapped alike."""

    def __init__(self, raw: bytes, wrapping: Wrapping, starts: Places) -> None:
        self.starts = starts
        self.raw, self._wrapping = raw, wrapping
        self.span = wrapping.span

    def token(self, row: int) -> bytes:
        return self._wrapping.read(self.raw, int(self.starts[row]), WIDTH)

    def rest(self, row: int) -> Callable[[int], bytes]:
        """Return what tells the bytes behind a token, given the payload's size."""
        at = int(self.starts[row])
        return lambda size: self._wrapping.read(self.raw, at, size)[WIDTH:]

    def columns(self, run: bytes) -> Columns:
        """Return what the tokens say; those at the very end of the bytes, nothing."""
        inside = self._inside(self.starts, bulk.ROW)
        rows = self._rows(self.starts[:inside], bulk.ROW)
        if inside < self.starts.size or not rows.flags.c_contiguous:
            whole = np.zeros((self.starts.size, bulk.ROW), dtype=np.uint8)
            whole[:inside] = rows
            rows = whole
        return bulk.read(rows, run)

    def filled(self, columns: Columns) -> Mask:
        """Tell which of the perfect ones have the filler that their size asks for."""
        those = np.flatnonzero(columns.perfect & columns.ours)
        filled = np.zeros(self.starts.size, dtype=np.bool_)
        behind = self.starts[those] + self._wrapping.span(WIDTH)
        widths = np.maximum(columns.sizes[those] - WIDTH, 0)
        widest = int(widths.max(initial=0))
        expected = filler(widest)
        if widest <= _BULK_FILLER and (widths == widest).all():
            inside = self._inside(behind, widest)
            rows = self._rows(behind[:inside], widest)
            filled[those[:inside]] = _all_are(rows, expected)
        else:
            read = self._wrapping.read
            each = zip(behind.tolist(), widths.tolist(), strict=True)
            filled[those] = [read(self.raw, at, n) == expected[:n] for at, n in each]
        return filled

    def _inside(self, places: Places, width: int) -> int:
        """Return how many of ascending places have a width behind them."""
        last = len(self.raw) - self._wrapping.span(width)
        return int(np.searchsorted(places, last, side="right"))

    def _rows(self, places: Places, width: int) -> Rows:
        return self._wrapping.rows(self.raw, places, width)


def _all_are(rows: Rows, text: bytes) -> Mask:
    """Tell of each row whether it is the text; rows that are items, compared whole."""
    if not text:
        return np.ones(len(rows), dtype=np.bool_)
    items = np.ascontiguousarray(rows).view(f"V{len(text)}").ravel()
    alike: Mask = items == np.frombuffer(text, dtype=f"V{len(text)}")
    return alike
