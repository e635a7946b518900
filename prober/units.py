"""How durations, rates, sizes and addresses are written, for options and files alike.

A reader returns None for what is none: who asked says so in words of its own. What a
writer writes, its reader reads back to the very same value.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from prober.clock import NS
from prober.plan import Sizes

_UNITS_NS = {"d": 86400 * NS, "h": 3600 * NS, "m": 60 * NS, "s": NS, "ms": NS // 1000}
# Digits are bounded, so that no text makes a number that takes long to work with.
_NUMBER = r"(\d{1,15}(?:\.\d{1,9})?)"
_PART = re.compile(_NUMBER + r"(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern}){{1,9}}", re.ASCII)
_RATE = re.compile(rf"{_NUMBER}(?:/s)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})(?:-(\d{1,15}))?", re.ASCII)
_BYTES = re.compile(_NUMBER + r"([kMG])B", re.ASCII)
_POWERS = {"G": 10**9, "M": 10**6, "k": 10**3}
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\s/]+):(\d{1,5})", re.ASCII)
_PORTS = range(1, 1 << 16)


def parse_duration(text: str) -> int | None:
    """Return the nanoseconds of `500ms`, `10s`, `1m30s` or `30d`."""
    if _DURATION.fullmatch(text) is None:
        return None
    parts = _PART.findall(text)
    return round(sum(Fraction(number) * _UNITS_NS[unit] for number, unit in parts))


def write_duration(ns: int) -> str:
    """Return nanoseconds as `parse_duration` reads them: `1m30s`."""
    written = ""
    for unit, length in _UNITS_NS.items():
        if unit == "ms":
            break
        count, ns = divmod(ns, length)
        written += f"{count}{unit}" if count else ""
    return written + (f"{_plain(Decimal(ns).scaleb(-6))}ms" if ns else "") or "0s"


def write_time(ns: int) -> str:
    """Return Unix nanoseconds as `2026-07-01 14:02:11 UTC`, whole seconds."""
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S} UTC"


def parse_rate(text: str) -> Fraction | None:
    """Return the messages a second of `2000`, `2000/s` or `0.5/s`, above 0."""
    form = _RATE.fullmatch(text)
    return (Fraction(form[1]) or None) if form else None


def write_rate(rate: Fraction) -> str:
    """Return a rate as `parse_rate` reads it: `2000/s`."""
    return f"{_plain(Decimal(rate.numerator) / rate.denominator)}/s"


def parse_size(text: str) -> Sizes | None:
    """Return the bytes of `100` or `100-2000`."""
    form = _SIZE.fullmatch(text)
    return Sizes(low=int(form[1]), high=int(form[2] or form[1])) if form else None


def parse_bytes(text: str) -> int | None:
    """Return the bytes of `300MB`, `1.5GB` or `64kB`, powers of ten; at least one."""
    form = _BYTES.fullmatch(text)
    return (round(Fraction(form[1]) * _POWERS[form[2]]) or None) if form else None


def write_bytes(count: int) -> str:
    """Return bytes as `parse_bytes` reads them: `1.5GB`."""
    unit = next((u for u, power in _POWERS.items() if count >= power), "k")
    return f"{_plain(Decimal(count) / _POWERS[unit])}{unit}B"


def parse_address(text: str) -> str | None:
    """Return `127.0.0.1:3458`, `name:3458` or `[::1]:3458` as it is."""
    form = _ADDRESS.fullmatch(text)
    return text if form and int(form[2]) in _PORTS else None


def parse_listen(text: str) -> str | None:
    """Return where to listen, as it is: an address, or one of port 0 for any free."""
    host, _, port = text.rpartition(":")
    return text if port == "0" and parse_address(f"{host}:1") else parse_address(text)


def _plain(number: Decimal) -> str:
    """Write a decimal without exponent and without idle zeros."""
    return f"{number.normalize():f}"
