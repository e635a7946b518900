"""Reports that `prober run --json` wrote, read again, or what was taken for one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from prober.errors import UsageError

MOST_BYTES = 256 << 20
"""Of a report: some million cycles."""
_T = TypeVar("_T")


def read(path: str, take: Callable[[Any], _T], *, wrote: str) -> _T:
    """Return what `take` makes of a document; it raises what comes of a strange one.

    Raises UsageError when the file cannot be read, or is not a report of ours; `wrote`
    says what writes one.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise UsageError(
                f"{path} is larger than any report of prober: give what {wrote} wrote"
            )
        return take(json.loads(raw))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise UsageError(
            f"{path} is not a report of prober: give what {wrote} wrote"
        ) from error
