"""What daemons measured on themselves: the largest of each day, by environment.

It is among what is kept by key, so that a prober of before passes it over.
"""

import math
from collections.abc import Mapping

from sqlalchemy import Connection, and_, delete, select

from prober.errors import StoreError
from prober.history import HOUR_NS, Live
from prober.store.codecs import document, from_document
from prober.store.schema import kept

DAY_NS = 24 * HOUR_NS
_PREFIX = "vitals"
_SUFFIX = "_max_seconds"


def vitals_row(connection: Connection, word: Live) -> tuple[str, str] | None:
    """Return key and document of a day that a daemon's word adds to, if it does.

    Two daemons that write at once may pass one another's figure over; each says it
    again within the minute that it is the largest of.
    """
    day = word.at_ns // DAY_NS
    key = f"{_PREFIX}/{day}/{word.environment}"
    text = connection.execute(select(kept.c.document).where(kept.c.key == key)).scalar()
    known = _read(text) if text else {}
    told = {
        name: value
        for name, value in word.health.items()
        if name.endswith(_SUFFIX) and math.isfinite(value)
    }
    if not word.measuring or not any(v > known.get(n, -1) for n, v in told.items()):
        return None
    largest = {n: max(known.get(n, 0), told.get(n, 0)) for n in {**known, **told}}
    return key, document(largest)


def vitals(
    connection: Connection, environment: str, from_ns: int, to_ns: int
) -> Mapping[str, float]:
    """Return the largest figures of the days that a window touches, by name."""
    first, last = from_ns // DAY_NS, (to_ns - 1) // DAY_NS
    keys = [f"{_PREFIX}/{day}/{environment}" for day in range(first, last + 1)]
    asked = select(kept.c.document).where(kept.c.key.in_(keys))
    found: dict[str, float] = {}
    for text in connection.execute(asked).scalars():
        for name, value in _read(text).items():
            found[name] = max(value, found.get(name, 0))
    return dict(sorted(found.items()))


def forget_vitals(connection: Connection, before_ns: int) -> None:
    """Delete those of days that ended before a time."""
    its = kept.c.key.startswith(f"{_PREFIX}/", autoescape=True)
    connection.execute(delete(kept).where(and_(its, kept.c.updated_ns < before_ns)))


def _read(text: str) -> dict[str, float]:
    try:
        found = from_document(text, dict[str, float])
    except ValueError as error:
        raise StoreError(
            f"history holds a daemon's figures that prober did not write: {error}"
        ) from None
    return found
