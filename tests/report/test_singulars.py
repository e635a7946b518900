"""None, one and two of everything: what is told of them is English."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from prober.history import HOUR_NS
from prober.records import BufferDrops, Command, RunResult, Span, State
from prober.report import build
from prober.report.comparison import compare
from prober.report.formats import FORMATS, Subject
from prober.report.sides import side_of_report
from tests.report import histories, renew, samples
from tests.report.samples import START_NS, cycle

_NOUNS = (
    "batch block bucket burst byte consumer cycle day duplicate environment gap hour"
)
_NOUNS += " message multiple note reader router second stretch time writer"
_WRONG = re.compile(
    # `1 messages`, `1 lossy cycles`; not `1 of 2 consumers`.
    rf"(?<![\d.,/:-])1 (?:(?!of|in|per)[a-z]+ )?(?:(?:{'|'.join(_NOUNS.split())})e?s"
    r"|are|were|have|do)\b"
)
_ONE = re.compile(rf"\b(?:0|[2-9]|\d\d+) (?:{'|'.join(_NOUNS.split())}|was|is|has)\b")


def run(count: int, *, size: int, partial: bool = False) -> RunResult:
    """Return a run in which so many cycles ended in each way, each over one message."""
    states = [
        state
        for state in (State.LOSS, State.INCONCLUSIVE, State.INVALID, State.PASS)
        for _ in range(count)
    ]
    gone = (State.LOSS, State.INCONCLUSIVE)
    consumers = [
        samples.consumer(
            cycle(
                index,
                size,
                consumer=name,
                state=state,
                gaps=[Span(first=index * size, count=1)] if state in gone else (),
                reason="" if state is State.PASS else state.value,
                duplicates=count,
                reordered=count,
                after_deadline=count,
                late=min(count, size - (state in gone)),
            )
            for index, state in enumerate(states or [State.PASS])
        )
        for name in ("gateway", "rlp")
    ]
    planned = max(1, len(states))
    return samples.run(
        samples.plan(planned * size, planned),
        *consumers,
        partial=partial,
        stack_drops=(BufferDrops(buffer="router 1 egress", dropped=count, ring=1),),
        command=Command(
            name="bosh",
            started_ns=START_NS,
            ended_ns=START_NS + planned * 10**9,
            exit_code=0,
            outlasted=True,
        ),
    )


def subjects(count: int) -> Iterator[Subject]:
    """Return reports of all kinds over few of everything."""
    for target in (None, Decimal("0.5"), Decimal("0.999")):
        for size in (1, 2, 100):
            for partial in (False, True):
                told = run(count, size=size, partial=partial)
                yield build(told, target, worst_burst=max(1, count), explain=True)
    sides = [side_of_report(build(run(n, size=2), None)) for n in (count, 1)]
    yield compare(sides[0], sides[1], target=Decimal("0.9"))
    few: dict[State, int] = {s: count for s in State if s is not State.PASS}
    start = histories.END_NS - HOUR_NS
    stretches = [
        histories.stretch(state, start + n * 20 * histories.MINUTE_NS, count, "so")
        for n, state in enumerate(few)
    ]
    hour = histories.hour(
        start, states=few, lost=count, unseen=count, duplicates=count, rejected=count
    )
    notes = [histories.note(start, "a deploy")] * count
    yield renew.window([histories.history([hour], stretches if count else (), notes)])


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("name", ["text", "html", "junit"])
def test_what_is_told_of_few_is_english(name: str, count: int) -> None:
    """No format says `1 are our fault`, or `1 messages`, or `2 cycle`."""
    for subject in subjects(count):
        told = str(FORMATS[name].render(subject))
        assert [] == [each[0] for each in _WRONG.finditer(told)]
        assert [] == [each[0] for each in _ONE.finditer(told)]
