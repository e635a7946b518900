"""The document of a calibration, read again to stand in a report."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from prober.clock import NS
from prober.records import Calibration, Comparison, State, Trial
from prober.report.calibration import ALL, SCHEMA

_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Figures = dict[str, dict[str, _Count | None]]


class _Scenario(msgspec.Struct):
    name: str
    agrees: bool | None
    injected: _Figures
    measured: _Figures
    states: dict[str, dict[State, _Count]]
    words: str = ""
    cost: str | None = None
    trouble: str | None = None


class _Document(msgspec.Struct):
    schema: str
    started_at: datetime
    seconds: _Seconds
    seed: int
    partial: bool
    exact_up_to: Annotated[float, msgspec.Meta(ge=0, le=1e12)] | None
    scenarios: list[_Scenario]
    left_out: _Count = 0


def calibration_of(document: object) -> Calibration:
    """Return the calibration that a document tells of.

    Raises ValueError where it is none of ours.
    """
    found = msgspec.convert(document, _Document)
    if found.schema != SCHEMA:
        raise ValueError(found.schema)
    started_ns = round(found.started_at.timestamp()) * NS
    return Calibration(
        started_at_ns=started_ns,
        ended_at_ns=started_ns + round(found.seconds * NS),
        seed=found.seed,
        trials=tuple(map(_trial, found.scenarios)),
        partial=found.partial,
        left_out=found.left_out,
        exact_up_to=found.exact_up_to,
    )


def _trial(told: _Scenario) -> Trial:
    # Whether it agrees stands in the document: by the figures alone two wrongs would.
    trouble = told.trouble or ("it could not be told" if told.agrees is None else "")
    return Trial(
        name=told.name,
        words=told.words,
        faults=(),
        comparisons=tuple(_comparisons(told)),
        states=told.states,
        cost=told.cost or "",
        trouble=trouble,
    )


def _comparisons(told: _Scenario) -> Iterator[Comparison]:
    for consumer, figures in told.injected.items():
        measured: Mapping[str, int | None] = told.measured.get(consumer, {})
        for key, number in figures.items():
            yield Comparison(
                what=key.replace("_", " "),
                consumer="" if consumer == ALL else consumer,
                injected=number or 0,
                measured=measured.get(key) or 0,
                agrees=bool(told.agrees),
                expected="some" if number is None else "",
            )
