"""Every kind of fault, beside a real loss: how cycles end, and what a user is told."""

import dataclasses
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from rich.console import Console

from prober import report
from prober.calibration import TRIALS
from prober.clock import NS
from prober.pipeline.faults import KINDS, Fault, FaultKind, Scenario
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.probe import Controls, Phase, Progress
from prober.records import RunResult, State
from prober.report import terminal
from tests.end_to_end.test_stack_runs import PLAN, run

_K = FaultKind
_MS = NS // 1000
LOSS = Fault(kind=_K.DROP, where="router-1", lap=30)
"""A real loss, of the first messages: no other fault may hide it, or add to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A fault whose cycles count: what it costs, and what the screen says of it."""

    faults: tuple[Fault, ...]
    words: str
    """A regular expression for one line of the screen."""
    lost: int = 0
    """Beside the real loss."""
    corrupt: int = 0
    states: frozenset[State] = frozenset({State.PASS, State.LOSS})
    whole: bool = False
    seconds: int = 1
    """Of messages, a thousand a second."""
    loss_ms: int = 0
    """When the real loss comes: one before we were away would be unsure, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """A fault whose cycles do not count, shown by a trial of the calibration."""

    trial: str
    state: State
    words: str
    """A regular expression for what is said of a cycle."""


def at(kind: FaultKind, where: str = "", **settings: Any) -> Fault:  # noqa: ANN401
    """Return a fault."""
    return Fault(kind=kind, where=where, **settings)


def soon(kind: FaultKind, where: str, **settings: Any) -> Fault:  # noqa: ANN401
    """Return a fault of a line, in the middle of the messages."""
    return at(kind, where, after_ns=300 * _MS, lasts_ns=500 * _MS, **settings)


# Figures below: attempted, accepted, on time, late, corrupt, lost.
ONLY_THE_LOSS = r"^rlp 1,000 1,000 \d+ \d+ 0 30$"
"""What is said where nothing else was done to the messages; slow ones may be late."""
ALL_LOSSY = frozenset({State.LOSS})
"""In each cycle there is something of what was done."""
AWAY = "consumer disconnected: no connection to the reverse log proxy"

SHOWN: Mapping[FaultKind, Counted | Uncounted] = {
    _K.DROP: Counted(
        faults=(at(_K.DROP, "rlp", every=10),),
        states=ALL_LOSSY,
        lost=97,  # each tenth of the 970 that are left
        words="^rlp 1,000 1,000 873 0 0 127$",
    ),
    _K.DUPLICATE: Counted(
        faults=(at(_K.DUPLICATE, "rlp", every=10),), words="^beside 97 duplicates"
    ),
    _K.REORDER: Counted(
        faults=(at(_K.REORDER, "rlp", window=20),), words=r"^beside \d+ reordered"
    ),
    _K.DELAY: Counted(
        faults=(at(_K.DELAY, "rlp", every=10, by_ns=2500 * _MS),),
        words="^rlp 1,000 1,000 873 97 0 30$",
    ),
    _K.CORRUPT: Counted(
        faults=(at(_K.CORRUPT, "rlp", every=10),),
        states=ALL_LOSSY,
        corrupt=97,
        words="^rlp 1,000 1,000 873 0 97 30$",
    ),
    _K.TRUNCATE: Counted(
        faults=(at(_K.TRUNCATE, "rlp", every=10, keep=90),),
        states=ALL_LOSSY,
        corrupt=97,
        words="^rlp 1,000 1,000 873 0 97 30$",
    ),
    _K.FUTURE: Counted(
        faults=(at(_K.FUTURE, "router-1", only="all"),), words=ONLY_THE_LOSS
    ),
    _K.STALL: Counted(faults=(soon(_K.STALL, "rlp/consumer"),), words=ONLY_THE_LOSS),
    _K.THROTTLE: Counted(
        faults=(soon(_K.THROTTLE, "rlp/consumer", rate=200_000.0),),
        words=ONLY_THE_LOSS,
    ),
    _K.LATENCY: Counted(
        faults=(soon(_K.LATENCY, "rlp/consumer", by_ns=200 * _MS),),
        words=ONLY_THE_LOSS,
    ),
    _K.HANG: Counted(faults=(soon(_K.HANG, "router-1"),), words=ONLY_THE_LOSS),
    _K.UNIMPLEMENTED: Counted(
        faults=(
            soon(_K.UNIMPLEMENTED, "rlp", method="BatchedReceiver"),
            at(_K.CUT, "rlp/consumer", after_ns=350 * _MS),
        ),
        seconds=8,  # a back-off may be long
        loss_ms=7_000,
        states=frozenset({State.PASS, State.LOSS, State.INCONCLUSIVE}),
        words="^uncounted .* refused: UNIMPLEMENTED .*is that the address of the rev",
    ),
    _K.FOREIGN: Counted(
        # It begins behind the loss: stamps of others are dropped as ours are.
        faults=(at(_K.FOREIGN, rate=4_000.0, after_ns=200 * _MS),),
        whole=True,
        words=ONLY_THE_LOSS,
    ),
    _K.CUT: Uncounted(trial="reader cut off", state=State.INCONCLUSIVE, words=AWAY),
    _K.REFUSE: Uncounted(trial="RLP refuses", state=State.INCONCLUSIVE, words=AWAY),
    _K.BLACK_HOLE: Uncounted(trial="black hole", state=State.INCONCLUSIVE, words=AWAY),
    _K.KILL: Uncounted(trial="RLP dies", state=State.INCONCLUSIVE, words=AWAY),
    _K.RESTART: Uncounted(
        trial="upgrade rehearsal",
        state=State.INCONCLUSIVE,
        words="consumer disconnected: .* proxy at .* ended the stream",
    ),
    _K.EXPIRE_TOKENS: Uncounted(
        trial="tokens expire",
        state=State.INCONCLUSIVE,
        words="consumer disconnected: the RLP gateway .* went away",
    ),
    _K.ROTATE_CERTIFICATES: Uncounted(
        trial="certificates rotate", state=State.INCONCLUSIVE, words=AWAY
    ),
    _K.STEP_CLOCK: Uncounted(
        trial="clock set",
        state=State.INVALID,
        words=r"the clock was set by \+5\.0 s, or we were asleep",
    ),
}
"""Where each kind is shown; those that do not count are tried in the calibration."""
COUNTED = {kind: row for kind, row in SHOWN.items() if isinstance(row, Counted)}
UNCOUNTED = {kind: row for kind, row in SHOWN.items() if isinstance(row, Uncounted)}


def test_every_kind_has_its_row() -> None:
    """A new kind of fault needs a test that shows how it ends, and what is told."""
    assert set(KINDS) == set(SHOWN)


@pytest.mark.parametrize("kind", UNCOUNTED)
def test_a_row_names_a_trial_of_that_fault(kind: FaultKind) -> None:
    """The trial has the fault, expects the state, and has a real loss beside it."""
    row = UNCOUNTED[kind]
    [plan] = [each for each in TRIALS if each.name == row.trial]

    assert kind in {fault.kind for fault in plan.faults}
    assert row.state is plan.aside


@pytest.mark.parametrize("kind", COUNTED)
def test_a_row_has_that_fault(kind: FaultKind) -> None:
    """What a row is called is what is done."""
    assert kind is COUNTED[kind].faults[0].kind


async def probed(row: Counted) -> RunResult:
    """Probe a stack to which a row's faults are done, and the real loss."""
    loss = dataclasses.replace(LOSS, after_ns=row.loss_ms * _MS)
    scenario = Scenario(faults=(loss, *row.faults), seed=1)
    plan = dataclasses.replace(
        PLAN,
        messages=1_000 * row.seconds,
        cycles=10 * row.seconds,
        rate=Fraction(1_000),
    )
    async with ReferenceStack(profile=PROFILES["ideal"], faults=scenario) as stack:
        begun = False

        def observe(progress: Progress) -> None:
            nonlocal begun
            if progress.phase is not Phase.PRIMING and not begun:
                begun = True
                stack.begin_faults()

        controls = Controls(observer=observe)
        return await run(stack, plan, lost_after=4, whole=row.whole, controls=controls)


def lines(result: RunResult) -> list[str]:
    """Return the screen, line by line, with single spaces."""
    screen = io.StringIO()
    terminal.render(report.build(result, None), Console(file=screen, width=200))
    return [" ".join(each.split()) for each in screen.getvalue().splitlines()]


@pytest.mark.parametrize("kind", COUNTED, ids=lambda kind: kind.value)
async def test_a_fault_is_shown_by_state_and_in_words(kind: FaultKind) -> None:
    """As much is lost as was dropped, whatever else happened, and it is said so."""
    row = COUNTED[kind]
    result = await probed(row)

    [consumer] = result.consumers
    valid, shown = consumer.valid, lines(result)
    ended = {each.state for each in consumer.cycles}
    seen = [c.counts for c in consumer.cycles if c.state is not State.INCONCLUSIVE]
    assert State.LOSS in ended
    # Beside everything else on this machine, we ourselves may be slow: that is void.
    assert row.states == ended - {State.INVALID}, shown
    assert any(re.search(row.words, line) for line in shown), shown
    bad = f"LOSS: {valid.bad:,} of {valid.accepted:,} messages lost or damaged"
    assert any(line.startswith(bad) for line in shown), shown
    assert (30 + row.lost, row.corrupt) == (
        sum(each.lost for each in seen),
        sum(each.corrupt for each in seen),
    )
