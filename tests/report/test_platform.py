"""What Loggregator's own counters are told as: evidence, with its limits."""

import dataclasses

import pytest

from prober.clock import NS
from prober.records import CutOff, PlatformIncrease, RunResult
from prober.report import Report, build
from prober.report.facts import facts
from tests.report import samples
from tests.report.test_json import VALIDATOR, document


def grown(
    component: str, direction: str, increase: int, **others: object
) -> PlatformIncrease:
    """A counter of drops at one instance."""
    one = PlatformIncrease(
        component=component,
        instance="doppler/7",
        counter="dropped",
        direction=direction,
        increase=increase,
        from_ns=samples.START_NS - 3 * NS,
        to_ns=samples.START_NS + 17 * NS,
        silent_ns=0,
    )
    return dataclasses.replace(one, **others)  # type: ignore[arg-type]


def told(result: RunResult, *increases: PlatformIncrease) -> Report:
    """The report of a run beside which counters were read."""
    plain = dataclasses.replace(result, platform=increases, stack_drops=())
    return build(plain, None)


def platform(report: Report) -> list[str]:
    """The lines about the platform."""
    lines = facts(report)
    first = [label for label, _ in lines].index("platform")
    rest = [label for label, _ in lines[first + 1 :]]
    last = next(at for at, label in enumerate(rest) if label) + first + 1
    return [text for _, text in lines[first:last]]


def test_what_rose_is_told_with_its_limits() -> None:
    """What grew comes first, then what did not, then what that is worth."""
    report = told(
        samples.violated(),
        grown("router", "egress", 1_000),
        grown("router", "egress", 3_000, instance="doppler/8"),
        grown("router", "ingress", 0),
        grown("agent", "ingress", 0, silent_ns=50 * NS),
    )

    assert [
        (
            "agent ingress drops did not rise from 07:59:57 to 08:00:17; 1 of 1 fell "
            "silent, itself a sign of loss"
        ),
        (
            "router egress drops rose by 4,000 from 07:59:57 to 08:00:17 at 2 of 2, "
            "summed over all subscriptions of all consumers"
        ),
        "no rise of router ingress drops",
        (
            "evidence, no proof: enough for the 4,000 lost, though no counter tells "
            "whose they were; gaps are whole laps of router rings, which fits"
        ),
    ] == platform(report)


@pytest.mark.parametrize(
    ("result", "increases", "sentence"),
    [
        (samples.met, [], "none of Loggregator's own counters came"),
        (samples.met, [grown("router", "egress", 0)], "nothing was dropped"),
        (
            samples.met,
            [grown("router", "egress", 1_000)],
            "not ours: what was lost were envelopes of other sources or readers",
        ),
        (
            samples.violated,
            [grown("router", "egress", 0)],
            (
                "these counted none, though 4,000 were lost: what an agent drops "
                "stands in its own metrics; broken connections, readers left behind "
                "and batches too large are counted nowhere"
            ),
        ),
        (
            samples.violated,
            [grown("RLP", "", 2, counter="rejected_streams")],
            "4,000 lost, none dropped: was it our stream that was ended?",
        ),
        (
            samples.violated,
            [grown("RLP", "egress", 3_999)],
            (
                "evidence, no proof: less than the 4,000 lost, so some were lost where "
                "nobody counts, or not told of yet"
            ),
        ),
    ],
)
def test_evidence(
    result: object, increases: list[PlatformIncrease], sentence: str
) -> None:
    """What rose is held against what was lost, and never called certain."""
    report = told(result(), *increases)  # type: ignore[operator]

    assert report.platform is not None
    assert sentence == report.platform.evidence


def test_document_follows_the_schema() -> None:
    """The counters stand in the document, with the instances that grew."""
    report = told(
        samples.violated(),
        grown("router", "egress", 3_000),
        grown("router", "egress", 0, instance="doppler/8"),
        grown("RLP", "", 1, counter="rejected_streams"),
    )

    made = document(report)

    VALIDATOR.validate(made)
    (_, drops) = made["platform"]["counters"]
    assert ("router", 3_000, 2) == (
        drops["component"],
        drops["increase"],
        drops["instances"],
    )
    assert [{"instance": "doppler/7", "increase": 3_000}] == drops["rose"]
    assert "2027-01-15T07:59:57.000000Z" == drops["from"]


def test_own_agents_drops_are_not_counted_twice() -> None:
    """What an agent tells itself is told apart, and may be among what all agents do."""
    report = told(
        samples.violated(),
        grown("own agent", "ingress", 3_000, instance="10.0.0.1:14824"),
        grown("agent", "ingress", 3_000),
    )

    lost = sum(each.counts.lost for each in report.consumers)
    assert 3_000 < lost < 6_000
    assert any(
        "own agent ingress drops rose by 3,000" in line
        and "of everybody's envelopes on its machine" in line
        for line in platform(report)
    )
    assert "evidence, no proof: less than" in platform(report)[-1]


def test_consumer_that_was_cut_off_is_named() -> None:
    """What the traffic controller tells of a consumer of ours stands in both."""
    cut_off = CutOff(
        consumer="v1", from_ns=samples.START_NS, at_ns=samples.START_NS + NS
    )
    lossy = dataclasses.replace(samples.violated(), cut_offs=(cut_off,))

    report = told(lossy)

    assert [
        (
            "v1 was cut off as a slow consumer, as the traffic controller tells at "
            "08:00:01"
        ),
        "none dropped: v1 did not keep up",
    ] == platform(report)
    found = document(report)["platform"]
    VALIDATOR.validate(document(report))
    assert [{"consumer": "v1", "at": "2027-01-15T08:00:01.000000Z"}] == found["cut_off"]


def test_short_clean_run_says_nothing() -> None:
    """A run that lost nothing and ended before a counter came has nothing to say."""
    assert "platform" not in {label for label, _ in facts(told(samples.met()))}
    assert "platform" in {label for label, _ in facts(told(samples.violated()))}


def test_nobody_looked() -> None:
    """Where nobody read the counters nothing is said of them."""
    report = build(samples.met(), None)

    assert document(report)["platform"] is None
    assert "platform" not in {label for label, _ in facts(report)}
