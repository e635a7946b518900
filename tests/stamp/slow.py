"""The scanner as a person would write it: one token after the other, by regex.

The oracle of `prober.stamp.Scanner`. It shares with it what makes one token intact
(`decode`) and what a damaged one may have been, and none of the search and the columns.
"""

import base64
import itertools
import math
import re
from collections.abc import Callable, Iterator

from prober.stamp import (
    MARKER,
    WIDTH,
    Contents,
    Mark,
    Sightings,
    decode,
    filler,
)
from prober.stamp.damage import Damage
from prober.stamp.token import MARK, READABLE, TAGGED

Unwrap = Callable[[int], bytes]
"""Returns so many bytes of a payload from its start on, fewer at the end of all."""


def scan(
    run: str,
    cycle_of: Callable[[int], int | None],
    raw: bytes,
    contents: Contents = dict,
    until: int | None = None,
) -> Sightings:
    """Return every stamp of a run in raw bytes."""
    found = Sightings()
    damage = Damage(run.encode(), cycle_of)
    end = len(raw) if until is None else until
    plain = ((*each, (1, 1)) for each in _plain(run, raw))
    wrapped = ((*each, (3, 4)) for each in _in_base64(run, raw))
    for at, unwrap, (taken, made) in itertools.chain(plain, wrapped):
        token = unwrap(WIDTH)
        survives = contents().get(token, b"") if token[MARK] in TAGGED else b""
        if at >= end:
            continue
        stamp = decode(token, survives)
        if stamp is None:
            ours, sequence = damage.assess(token, survives)
            found.damaged += [sequence] if ours else []
        elif stamp.run != run:
            found.other_runs += 1
        elif stamp.mark is Mark.PRIMER:
            found.primers.append(stamp.sequence)
        elif stamp.mark is Mark.TRAILER:
            found.trailers.append(stamp.sequence)
        elif stamp.mark is Mark.LOG and (
            unwrap(stamp.size)[WIDTH:] != filler(stamp.size - WIDTH)
        ):
            found.damaged.append(stamp.sequence)
        else:
            found.sequences.append(stamp.sequence)
            found.sent_ns.append(stamp.sent_ns)
            found.places.append(at)
            size = stamp.size if stamp.mark is Mark.LOG else WIDTH
            found.ends.append(at + math.ceil(size / taken) * made)
    found.in_order()
    return found


def _starts(marker: bytes, run: bytes, raw: bytes) -> Iterator[int]:
    form = re.compile(b"%b|(%b)" % (re.escape(marker), re.escape(run)))
    last = -1
    for match in form.finditer(raw):
        start = match.start() - (len(marker) if match.lastindex else 0)
        if start > last:
            last = start
            yield start


def _plain(run: str, raw: bytes) -> Iterator[tuple[int, Unwrap]]:
    for at in _starts(MARKER, f"{run} ".encode(), raw):
        yield at, lambda size, at=at: raw[at : at + size]  # type: ignore[misc]


def _in_base64(run: str, raw: bytes) -> Iterator[tuple[int, Unwrap]]:
    marker, field = (base64.b64encode(each) for each in (MARKER, f"{run} ".encode()))
    for at in _starts(marker, field, raw):

        def unwrap(size: int, at: int = at) -> bytes:
            text = raw[at : at + (size + 2) // 3 * 4].translate(READABLE)
            return base64.b64decode(text + b"/" * (-len(text) % 4))[:size]

        yield at, unwrap
