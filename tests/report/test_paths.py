"""Which ways through the pipeline were tested: told as far as it is known."""

import dataclasses

import pytest

from prober.histogram import Histogram
from prober.records import PlatformIncrease, Reached, RunResult, WriterResult
from prober.report import build
from prober.report.facts import facts
from prober.report.paths import apart, routers_of, routers_words
from tests.report import samples
from tests.report.test_json import VALIDATOR, document
from tests.report.test_platform import grown

UNKNOWN = "which of the {} routers it used is not known"
UNTIMED = "how long a write took is not known"
CONFIGURED = "routers in the configuration tested; whether there are more is not known"


def way_in(name: str, *lost: Reached, trouble: str = "") -> WriterResult:
    """A way in that took 500 messages, or none."""
    sent = 0 if trouble else 500
    return WriterResult(
        written_to=name,
        attempted=sent,
        accepted=sent,
        rejected=0,
        ambiguous=0,
        blocked=Histogram(),
        reached=lost,
        trouble=trouble,
    )


def router(number: int) -> PlatformIncrease:
    """A counter of one of several routers."""
    return grown("router", "egress", 0, instance=f"doppler/{number}")


def run(*writers: WriterResult, heard_of: int = 0) -> RunResult:
    """A run by these ways in, beside which so many routers were heard of."""
    platform = tuple(router(number) for number in range(heard_of))
    return dataclasses.replace(samples.met(), writers=writers, platform=platform)


@pytest.mark.parametrize(
    ("names", "heard_of", "words"),
    [
        (["agent at h:1"], 0, ""),
        (["agent at h:1"], 1, ""),  # one set of tags may be of several
        (
            ["agent at h:1"],
            8,
            f"through an agent, which keeps to 5 at most: {UNKNOWN.format(8)}",
        ),
        (["agent at h:1"], 2, f"through an agent: {UNKNOWN.format(2)}"),
        (["router at h:1", "router at h:2"], 8, "2 of 8 routers tested"),
        (["router at h:1", "router at h:2"], 2, "2 of 2 routers tested"),
        (
            ["router at h:1", "router at h:2"],
            0,
            f"2 of the 2 {CONFIGURED}",
        ),
        (
            ["router at h:1", "router at h:1", "router at h:2"],
            8,
            "2 of 8 routers tested",
        ),
        (["router at h:1", "-router at h:2"], 8, "1 of 8 routers tested"),
        (
            ["router at h:1", "-router at h:2"],
            0,
            f"1 of the 2 {CONFIGURED}",
        ),
    ],
)
def test_how_many_routers_of_how_many(
    names: list[str], heard_of: int, words: str
) -> None:
    """Those that took messages in, of those that are configured or were heard of."""
    writers = [
        way_in(name.removeprefix("-"), trouble="shut" if name[0] == "-" else "")
        for name in names
    ]

    assert words == routers_words(routers_of(run(*writers, heard_of=heard_of)))


def reached(
    lost: int, batches: int, consumer: str = "rlp", corrupt: int = 0
) -> Reached:
    """What a consumer got of 500."""
    return Reached(
        consumer=consumer,
        sent=500,
        lost=lost,
        corrupt=corrupt,
        lossy_batches=batches,
    )


def test_path_with_all_losses_stands_out() -> None:
    """One way of several by which all went in that was lost is named."""
    result = run(
        way_in("router at h:1", reached(0, 0), reached(4, 1, "v1")),
        way_in("router at h:2", reached(300, 3), reached(2, 1, "v1")),
        way_in("router at h:3", trouble="no connection to it"),
    )

    report = build(result, None)

    told = [f"{label}: {text}" for label, text in facts(report)]
    of_each = "0 lost by rlp, 4 lost by v1"
    assert f"way in: router at h:1: 500 messages, {of_each}, {UNTIMED}" in told
    assert "way in: router at h:3: nothing was written: no connection to it" in told
    assert (
        ": all 300 that rlp lost, in 3 batches, went in by the router at h:2: look at "
        "it, and at what lies behind it" in told
    )
    VALIDATOR.validate(document(report))
    assert {"listed": 3, "tested": 2, "heard_of": 0} == document(report)["routers"]
    assert [(0, 500), (300, 500)] == [
        (each["consumers"][0]["lost"], each["consumers"][0]["sent"])
        for each in document(report)["writers"][:2]
    ]


@pytest.mark.parametrize(
    ("lost", "corrupt", "of_one", "of_all"),
    [
        (300, 0, "300 lost", "all 300 that rlp lost"),
        (0, 30, "30 damaged", "all 30 that rlp got damaged"),
        (
            300,
            30,
            "300 lost and 30 damaged",
            "all 300 that rlp lost and all 30 that rlp got damaged",
        ),
    ],
)
def test_damage_is_told_beside_loss(
    lost: int, corrupt: int, of_one: str, of_all: str
) -> None:
    """On the screen and in the document, by the way in that it came from."""
    report = build(
        run(
            way_in("router at h:1", reached(lost, 3, corrupt=corrupt)),
            way_in("router at h:2", reached(0, 0)),
        ),
        None,
    )

    told = [text for _, text in facts(report)]
    assert f"router at h:1: 500 messages, {of_one}, {UNTIMED}" in told
    assert f"router at h:2: 500 messages, none lost, {UNTIMED}" in told
    assert any(text.startswith(f"{of_all}, in 3 batches, went in by") for text in told)
    VALIDATOR.validate(document(report))
    (one,) = document(report)["writers"][0]["consumers"]
    assert (lost, corrupt, 3) == (one["lost"], one["corrupt"], one["lossy_batches"])


def test_reason_of_a_refusal_is_told() -> None:
    """Beside what was rejected stands why, in the peer's words."""
    refused = dataclasses.replace(
        way_in("agent at h:1"), rejected=100, refusal="nothing listens there"
    )
    report = build(run(refused), None)

    told = dict(facts(report))["way in"]
    assert told.endswith(f"100 rejected, {UNTIMED}; nothing listens there")
    assert "nothing listens there" == document(report)["writers"][0]["refusal"]


@pytest.mark.parametrize(
    "writers",
    [
        [way_in("router at h:1", reached(300, 3))],  # no other to compare with
        [way_in("router at h:1", reached(300, 3)), way_in("b", reached(1, 1))],
        [way_in("router at h:1", reached(200, 2)), way_in("b", reached(0, 0))],
    ],
)
def test_chance_is_not_called_a_path(writers: list[WriterResult]) -> None:
    """Losses on several ways in, or in hardly any batches, point nowhere."""
    assert [] == apart(writers)
