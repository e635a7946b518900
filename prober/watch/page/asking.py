"""What may be asked for in a query, and the sentences for what may not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from prober.clock import NS
from prober.errors import UsageError
from prober.report.words import harmless

MOST_CYCLES = 10_000
FEW_CYCLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Some of a history: what lies between two times, and at most how much."""

    from_ns: int | None
    to_ns: int | None
    limit: int


def choice(query: QueryParams, name: str, known: Collection[str], first: str) -> str:
    """Return a parameter that is one of a few; raises UsageError for another."""
    value = query.get(name, first)
    if value not in known:
        raise UsageError(f"{name}={_shown(value)} is none of {', '.join(known)}")
    return value


def between(query: QueryParams) -> Between:
    """Return `from`, `to` and `limit`; raises UsageError for what they cannot be."""
    known(query, ("from", "to", "limit"))
    from_ns, to_ns = _time(query, "from"), _time(query, "to")
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise UsageError("to is not after from: nothing lies between them")
    return Between(from_ns=from_ns, to_ns=to_ns, limit=_limit(query))


def known(query: QueryParams, names: Collection[str]) -> None:
    """Raise UsageError for a parameter that would be ignored."""
    for name in query:
        if name not in names:
            told = f"known: {', '.join(names)}" if names else "none is known here"
            raise UsageError(f"{_shown(name)} is no parameter of this; {told}")


def _limit(query: QueryParams) -> int:
    value = query.get("limit", str(FEW_CYCLES))
    limit = int(value) if value.isascii() and value.isdigit() and len(value) < 9 else 0  # noqa: PLR2004
    if not 1 <= limit <= MOST_CYCLES:
        raise UsageError(
            f"limit={_shown(value)} is no number from 1 to {MOST_CYCLES:,}"
        )
    return limit


def _time(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        at_ns = round(found.replace(tzinfo=found.tzinfo or UTC).timestamp()) * NS
    except (ValueError, OverflowError):
        at_ns = -1
    if not 0 <= at_ns < 1 << 63:
        raise UsageError(
            f"{name}={_shown(value)} is no time: write 2026-07-01T14:02:00Z"
        )
    return at_ns


def _shown(value: str) -> str:
    return repr(harmless(value[:40]))
