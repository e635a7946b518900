"""Every trial over the real stack: exact, and in words that say whose fault it was."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from prober.calibration import TRIALS, Controls, Plan, bench, calibrate
from prober.calibration.compare import AFTER_DEADLINE, ASIDE
from prober.calibration.trials import COUNTED, UNCOUNTED, UPGRADE
from prober.clock import NS
from prober.histogram import Histogram
from prober.pipeline.faults import KINDS
from prober.records import Calibration, Comparison, State, Trial
from tests.end_to_end.test_every_fault import UNCOUNTED as UNCOUNTED_KINDS
from tests.report import samples

WORDS: Mapping[str, str] = {
    # What a user is told of cycles that do not count, by trial.
    "agent dies": "writer stream broke with .* unacknowledged|the ingress refused",
    "Firehose cut off": "consumer disconnected: the traffic controller .* went away",
    **{row.trial: row.words for row in UNCOUNTED_KINDS.values()},
}
CERTAIN: Mapping[str, State] = {
    # How some cycles are sure to end.
    plan.name: plan.aside
    for plan in (UPGRADE, *UNCOUNTED)
    if plan.aside and plan.certain
}


def test_every_kind_of_fault_has_its_trial() -> None:
    """There is nothing in the laboratory that the instrument was not tried on."""
    tried = {fault.kind for plan in TRIALS for fault in plan.faults}

    assert set(KINDS) == tried


def test_trials_have_names_of_their_own() -> None:
    """They are asked for by them."""
    assert len(TRIALS) == len({plan.name for plan in TRIALS})


async def made(plans: tuple[Plan, ...]) -> Calibration:
    """Make trials in two processes."""
    return await calibrate(plans, workers=2)


def told(trial: Trial) -> str:
    """Everything that a user is told in a trial."""
    return "\n".join(trial.said)


def wrong(trial: Trial) -> list[Comparison]:
    """The figures that disagree: all of them together are cut off when told."""
    return [each for each in trial.comparisons if not each.agrees]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(3))
async def test_what_is_no_fault_of_the_pipeline_is_not_counted_against_it(
    part: int,
) -> None:
    """Lines, tokens, certificates, clocks, writers: never lost, and in clear words."""
    calibration = await made((UPGRADE, *UNCOUNTED)[part::3])

    for trial in calibration.trials:
        if trial.agrees is None:
            continue  # this machine was too busy: nothing is held against anybody
        assert [] == wrong(trial), trial.name
        states = {s for each in trial.states.values() for s, n in each.items() if n}
        assert State.LOSS in states, trial.name  # the real loss beside it is told
        assert CERTAIN.get(trial.name, State.LOSS) in states, trial.name
        if words := WORDS.get(trial.name):
            assert re.search(words, told(trial)), (trial.name, trial.said)
    assert calibration.untold < len(calibration.trials)


@pytest.mark.timeout(300)
async def test_what_the_pipeline_does_is_told_to_the_message() -> None:
    """What no other test has of it; `prober calibrate` makes the whole table."""
    names = {"lost here and there", "a ring overrun", "router dies", "too late"}
    calibration = await made(tuple(plan for plan in COUNTED if plan.name in names))

    for trial in calibration.trials:
        if trial.agrees is not None:
            assert [] == wrong(trial), trial.name
            ended = {s for each in trial.states.values() for s, n in each.items() if n}
            assert {State.PASS, State.LOSS} >= ended
    assert calibration.untold < len(calibration.trials)


async def test_foreign_traffic_of_twenty_times_our_own_changes_no_account() -> None:
    """With lookalike stamps all around, each of our messages has its one fate."""
    [plan] = [each for each in COUNTED if each.name == "foreign traffic"]
    [foreign] = [fault for fault in plan.faults if fault.rate is not None]
    assert 20 * plan.rate == foreign.rate
    [trial] = (await calibrate([plan], workers=0)).trials

    if trial.agrees is not None:
        assert trial.agrees, trial.comparisons
        accepted = [c for c in trial.comparisons if c.what == "accepted"]
        assert [(400, 400)] * 3 == [(c.injected, c.measured) for c in accepted]


def test_the_upgrade_tells_what_it_cost() -> None:
    """It is a question of every upgrade, and of no other trial."""
    assert [UPGRADE] == [plan for plan in TRIALS if plan.costs]


async def test_an_interruption_keeps_what_was_made() -> None:
    """Once told to stop, no further trial is begun, and the calibration is partial."""
    stop = asyncio.Event()
    plans = [plan for plan in COUNTED if plan.name in ("nothing", "duplicated")]
    controls = Controls(stop=stop, on_trial=lambda _: stop.set())

    calibration = await calibrate(plans, workers=0, controls=controls)

    assert calibration.partial
    assert ["nothing"] == [trial.name for trial in calibration.trials]


async def test_a_trial_that_could_not_be_told_is_made_again_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to three times: then it stays untold, and nobody is accused."""
    made: list[str] = []

    async def busy(self: bench.Bench) -> Trial:
        made.append(self._plan.name)
        return Trial(name=self._plan.name, words="", faults=(), trouble="too busy")

    monkeypatch.setattr(bench.Bench, "run", busy)
    calibration = await calibrate(COUNTED[:2], workers=0)

    assert [plan.name for plan in COUNTED[:2]] * 3 == made
    assert (2, 0) == (calibration.untold, calibration.disagreeing)
    assert [3, 3] == [trial.attempts for trial in calibration.trials]


@pytest.mark.parametrize(
    ("lossy", "wrong", "trouble"),
    [
        (0, ("aside",), "what was lost was lost while nobody could count it"),
        (0, ("aside", "lost"), ""),
        (1, ("aside",), ""),
    ],
)
def test_a_long_back_off_is_bad_luck(
    lossy: int, wrong: tuple[str, ...], trouble: str
) -> None:
    """A loss within what went uncounted proves nothing; one that was denied does."""
    comparisons = [
        Comparison(what=what, consumer="rlp", injected=0, measured=1, agrees=False)
        for what in (ASIDE if each == "aside" else each for each in wrong)
    ]
    trial = Trial(
        name="upgrade rehearsal",
        words="",
        faults=(),
        comparisons=tuple(comparisons),
        states={"rlp": {**dict.fromkeys(State, 0), State.LOSS: lossy}},
    )
    cycle = samples.cycle(0, 100)
    result = samples.run(samples.plan(100, 1), samples.consumer([cycle]))
    calm = replace(result, health={})

    assert trouble == bench._trouble(UPGRADE, trial, calm)


def test_a_cycle_that_our_own_fault_voids_is_no_wrong_reading() -> None:
    """A machine that starves the instrument is told of, and the trial made again."""
    aside = Comparison(what=ASIDE, consumer="rlp", injected=0, measured=1, agrees=False)
    plan = COUNTED[0]
    trial = Trial(name=plan.name, words="", faults=(), comparisons=(aside,))
    cycle = samples.cycle(0, 100, state=State.INVALID, reason="own queue full")
    result = samples.run(samples.plan(100, 1), samples.consumer([cycle]))

    trouble = bench._trouble(plan, trial, replace(result, health={}))

    assert "this machine was too busy: own queue full" == trouble


@pytest.mark.parametrize(
    ("seconds", "trouble"),
    [
        (4.1, "this machine was too busy: 3 took too long from the stack to us"),
        (3.9, ""),  # nothing took so long: who counts it as late has it wrong
    ],
)
def test_what_left_the_stack_in_time_may_take_too_long(
    seconds: float, trouble: str
) -> None:
    """Only if the latencies say so, too."""
    after = Comparison(
        what=AFTER_DEADLINE, consumer="rlp", injected=0, measured=3, agrees=False
    )
    trial = Trial(name="nothing", words="", faults=(), comparisons=(after,))
    latency = Histogram()
    latency.add(np.array([round(seconds * NS)]))
    consumer = replace(samples.consumer([samples.cycle(0, 100)]), latency=latency)
    result = samples.run(samples.plan(100, 1), consumer)

    assert trouble == bench._trouble(COUNTED[0], trial, replace(result, health={}))
