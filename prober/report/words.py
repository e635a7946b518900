"""Figures and strings as people read them: cut off so that they never flatter."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction

from prober import slo
from prober.clock import NS
from prober.records import State

many = slo.many

STATES: Mapping[State, str] = {
    State.PASS: "passed",
    State.LOSS: "lossy",
    State.INCONCLUSIVE: "cannot tell",
    State.INVALID: "our fault",
    State.EXCLUDED: "excluded",
    State.MISSED: "missed",
}
"""How cycles ended, in words."""

MARKS: Mapping[State, str] = {
    # The worst first: it stands for cycles that have to share a mark.
    State.LOSS: "#",
    State.INCONCLUSIVE: "?",
    State.INVALID: "x",
    State.MISSED: "_",
    State.EXCLUDED: "-",
    State.PASS: ".",
}
"""How cycles ended, in one letter."""


def harmless(text: str, encoding: str = "utf-8") -> str:
    """Return a text that nothing in it can colour, hide or move a cursor with.

    What is not printable, or not in `encoding`, stands as its escape.
    """
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def duration(seconds: float | None) -> str:
    """Return `1.24 ms`, with three digits, rounded up; `no data` for None."""
    if seconds is None:
        return "no data"
    scale, unit = next(
        (pair for pair in ((1, "s"), (1e-3, "ms")) if seconds >= pair[0]), (1e-6, "us")
    )
    value = seconds / scale
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    # Rounded first, or the last bit of a float would add a whole unit.
    rounded = math.ceil(round(value * 10**digits, 3)) / 10**digits
    return f"{rounded:,.{digits}f} {unit}"


def rate(per_second: float) -> str:
    """Return `1,999/s`, with one decimal below ten, cut off."""
    digits = 0 if per_second >= 10 else 1  # noqa: PLR2004 - two digits are enough
    cut = math.floor(per_second * 10**digits) / 10**digits
    return f"{cut:,.{digits}f}/s"


def tight(ratio: Fraction, digits: int | None = 1) -> str:
    """Return a share as `99.88%`, for lines in which room is dear, cut off."""
    return slo.format_share(ratio, digits).replace(" %", "%")


def share_up(ratio: Fraction) -> str:
    """Return a share that is spent as `22.8%`, rounded up, or how many times over."""
    if ratio >= _TIMES:
        return f"{math.ceil(ratio):,} times"
    return f"{math.ceil(ratio * 1_000) / 10:,.1f}%"


_TIMES = 10


def times(ratio: float, figures: int = 2) -> str:
    """Return `0.030 times`, with two digits or all before the point, rounded up."""
    digits = max(0, figures - 1 - math.floor(math.log10(ratio))) if ratio > 0 else 0
    # Rounded first, or the last bit of a float would add a whole unit.
    rounded = math.ceil(round(ratio * 10**digits, 6)) / 10**digits
    return f"{rounded:,.{digits}f} times"


def span(seconds: float) -> str:
    """Return a length of time that is set, not measured: `30 d`, `90 min`, `1.5 s`."""
    sizes = ((86_400, "d"), (3_600, "h"), (60, "min"))
    whole = (pair for pair in sizes if seconds >= pair[0] and not seconds % pair[0])
    size, unit = next(whole, (1, "s"))
    return f"{seconds / size:,.12g} {unit}"


def moment(at_ns: int, form: str = "%H:%M:%S") -> str:
    """Return a time in UTC, cut to whole seconds."""
    return datetime.fromtimestamp(at_ns // NS, UTC).strftime(form)


def timestamp(at_ns: int | None) -> str | None:
    """Return a time in RFC 3339, UTC, cut to microseconds, for documents."""
    if at_ns is None:
        return None
    seconds, ns = divmod(at_ns, NS)
    found = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1_000)
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")


_OF_EVERYBODY = "v1 firehose"
"""The way out that can be asked for everything only."""


def what_was_read(transports: Mapping[str, str], *, whole_firehose: bool) -> str:
    """Return whose messages came, by the transport of each consumer."""
    whole, own = "the whole Firehose", "own source only, not a nozzle's view"
    all_ = [name for name, each in transports.items() if each == _OF_EVERYBODY]
    if whole_firehose or (all_ and len(all_) == len(transports)):
        return whole
    if not all_:
        return own
    rest = [name for name in transports if name not in all_]
    return f"{', '.join(rest)}: {own}; {', '.join(all_)}: {whole}"
