"""Holds a run against an earlier one: did it get worse?"""

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from prober import slo
from prober.errors import UsageError
from prober.report import Report

Blocks = list[tuple[int, int]]
"""(bad, accepted) of each block, in order."""

_COUNTED = ("pass", "loss")


def read(path: str) -> dict[str, Blocks]:
    """Return the cycles that count of an earlier report, by consumer.

    Raises UsageError when the file is not a report of ours.
    """
    try:
        document: dict[str, Any] = json.loads(Path(path).read_text())
        return _blocks(document["cycles"])
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a report of prober: give what --json wrote"
        ) from error


def _blocks(cycles: Iterable[dict[str, Any]]) -> dict[str, Blocks]:
    found: dict[str, Blocks] = {}
    for cycle in cycles:
        for seen in cycle["consumers"]:
            if seen["state"] in _COUNTED:
                bad, accepted = seen["lost"] + seen["corrupt"], seen["accepted"]
                found.setdefault(seen["name"], []).append((bad, accepted))
    return found


def regressions(
    report: Report, baseline: dict[str, Blocks], target: Decimal | None
) -> dict[str, slo.Regression]:
    """Return how each consumer that both runs have compares, by its name.

    Raises UsageError when the two cannot be compared.
    """
    found = {}
    for consumer in report.result.consumers:
        before = baseline.get(consumer.name)
        now = slo.evidence_of(consumer).blocks
        if before and now:
            try:
                found[consumer.name] = slo.regression(before, now, target=target)
            except ValueError as error:
                raise UsageError(
                    f"cannot compare with the baseline: {error}"
                ) from error
    if not found:
        raise UsageError("nothing to compare: no consumer of both runs has cycles")
    return found


def sentence(name: str, found: slo.Regression) -> str:
    """Return what came of a comparison, with its numbers."""
    opening = "WORSE" if found.regressed else "NO WORSE"
    before, now = found.baseline, found.candidate
    return (
        f"{opening} than the baseline on {name}: {now.bad:,} of {now.total:,} lost or "
        f"damaged, before {before.bad:,} of {before.total:,} (p = {found.p_value:.2g})."
    )
