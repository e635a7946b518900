"""The claim: what a sample supports as a promise."""

import pytest

from prober import slo
from prober.errors import UsageError
from prober.records import State
from tests.slo.samples import Row, evidence

PASS: Row = (State.PASS, 0, 100)


def test_undecided() -> None:
    """All arrived, which supports little if one drop can cost a thousand."""
    found = slo.claim([evidence((100, PASS))], "99.9", worst_burst=1000)

    assert "undecided" == found.state
    assert (1000, 1000) == (found.worst_burst, found.block)
    assert found.supports == 1 - found.upper95
    assert (
        "UNDECIDED: none of 10,000 probe messages lost or damaged, which supports "
        "70.0 % if one drop can cost 1,000 messages. Proving 99.9 % takes about "
        "2,985,733 more, all of them arriving."
    ) == found.reason


def test_proved() -> None:
    """Enough clean messages prove it."""
    found = slo.claim([evidence((3000, PASS))], "99", worst_burst=1000)

    assert "proved" == found.state
    assert (
        "PROVED: none of 300,000 probe messages lost or damaged, which supports "
        "99.00 % if one drop can cost 1,000 messages."
    ) == found.reason


def test_disproved() -> None:
    """Three rings' worth of losses in a short run disprove it."""
    lossy = evidence((5, (State.PASS, 0, 1000)), (3, (State.LOSS, 1000, 1000)))
    found = slo.claim([lossy], "99.9", worst_burst=1000)

    assert "disproved" == found.state
    assert found.reason.startswith(
        "DISPROVED: 3,000 of 8,000 probe messages lost or damaged, 1 in 2.6, in 3 "
        "blocks, the largest 1,000. Even the favourable end, 10 %, exceeds 0.1 %."
    )


def test_no_objective() -> None:
    """Without an objective it still says what the sample supports."""
    found = slo.claim([evidence((100, PASS))], None, worst_burst=100)

    assert None is found.state
    assert (
        "none of 10,000 probe messages lost or damaged, which supports 97.0 % if one "
        "drop can cost 100 messages"
    ) == found.reason


@pytest.mark.parametrize("nobody", [[], [evidence()]])
def test_no_data(nobody: list[slo.Evidence]) -> None:
    """Nothing counted supports nothing."""
    found = slo.claim(nobody, "99.9", worst_burst=1000)

    assert ("undecided", None, 0) == (found.state, found.supports, found.block)
    assert (0.0, 1.0) == (found.lower95, found.upper95)


def test_worst_consumer() -> None:
    """Nobody experiences the average: the claim is of the worst consumer."""
    clean = evidence((3000, PASS))
    lossy = evidence((2999, PASS), (1, (State.LOSS, 100, 100)), consumer="v1")

    alone = slo.claim([lossy], "99.9", worst_burst=1000)
    assert alone == slo.claim([clean, lossy], "99.9", worst_burst=1000)


def test_a_common_loss_counts_once() -> None:
    """What every consumer lost supports as much as if one had been there."""
    lossy = evidence((2999, PASS), (1, (State.LOSS, 100, 100)))

    alone = slo.claim([lossy], "99.9", worst_burst=1000)
    assert alone == slo.claim([lossy] * 3, "99.9", worst_burst=1000)


def test_neighbours_warn() -> None:
    """Losses side by side lengthen the blocks, and the reason says so."""
    rows = [(40, PASS), (8, (State.LOSS, 20, 100)), (80, PASS)]
    found = slo.claim([evidence(*rows)], "99.9", worst_burst=100)

    assert 400 == found.block
    assert found.reason.endswith(
        "(Losses lie side by side: 4 blocks were taken as one.)"
    )


def test_only_what_counts() -> None:
    """Cycles that do not count support nothing."""
    few = evidence((10, PASS), (1000, (State.INCONCLUSIVE, 0, 100)))

    assert 0.0 == slo.claim([few], "99.9", worst_burst=1000).supports


def test_objectives_that_cannot_be() -> None:
    """Nobody can prove 100 %."""
    with pytest.raises(UsageError):
        slo.claim([], "100", worst_burst=1000)


def process(*bad: int, cycle: int = 1000) -> slo.Sequential:
    """Return an e-process at 99.9 % that was fed such losses."""
    found = slo.sequential("99.9", worst_burst=200, cycle=cycle)
    for each in bad:
        found.add(each, cycle)
    return found


@pytest.mark.parametrize(
    ("processes", "state", "reason"),
    [
        (
            [process(*[0] * 728)],
            "proved",
            "PROVED early: none of 728,000 probe messages lost or damaged.",
        ),
        (
            [process(*[0] * 728), process(200, 200)],
            "disproved",
            "DISPROVED early: 400 of 2,000 probe messages lost or damaged, 1 in 5.0.",
        ),
        (
            [process(*[0] * 728), process(0)],
            "undecided",
            (
                "UNDECIDED: none of 1,000 probe messages lost or damaged. Proving "
                "99.9 % takes about 727,000 more, all of them arriving."
            ),
        ),
        (
            [process(*[0] * 400, 201)],
            "undecided",
            (
                "UNDECIDED: 201 of 401,000 probe messages lost or damaged, 1 in 1,995. "
                "Proving 99.9 % takes about 3,467,000 more, all of them arriving. (A "
                "block lost more than the 200 that one drop was taken to cost: judged "
                "without that assumption.)"
            ),
        ),
    ],
)
def test_early(processes: list[slo.Sequential], state: str, reason: str) -> None:
    """Proved when every consumer is, disproved when one is, and what it would take."""
    by_interval = slo.claim([evidence((100, PASS))], "99.9", worst_burst=200)
    found = slo.claim_early(by_interval, processes, "99.9")

    assert (state, reason) == (found.state, found.reason)
    assert by_interval.upper95 == found.upper95
