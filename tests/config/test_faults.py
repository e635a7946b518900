"""Faults as people write them: in scenarios and on the command line."""

from pathlib import Path

import pytest

from prober.clock import NS
from prober.config.faults import scenario
from prober.errors import UsageError
from prober.pipeline.faults import KINDS, Fault, FaultKind, Targets

COMPLETE = {
    "by": "1s",
    "keep": "90",
    "lasts": "1s",
    "method": "BatchedReceiver",
    "rate": "100/s",
    "step": "-1h",
    "where": "rlp",
    "window": "10",
}


def test_a_scenario_tells_what_when_and_for_how_long(tmp_path: Path) -> None:
    """A file has a seed and a list; times are durations."""
    file = tmp_path / "upgrade.yaml"
    file.write_text(
        "seed: 7\n"
        "faults:\n"
        "  - {fault: drop, where: rlp, every: 10, after: 10s, lasts: 1m30s}\n"
        "  - {fault: step-clock, step: -5s}\n"
    )

    read = scenario([str(file)], 0)

    assert 7 == read.seed
    assert read.faults == (
        Fault(
            kind=FaultKind.DROP,
            where="rlp",
            every=10,
            after_ns=10 * NS,
            lasts_ns=90 * NS,
        ),
        Fault(kind=FaultKind.STEP_CLOCK, step_ns=-5 * NS),
    )


def test_the_command_line_says_the_same_in_one_word() -> None:
    """KIND:KEY=VALUE,KEY=VALUE; several add up, and the seed is that of the option."""
    read = scenario(["throttle:where=rlp/consumer,rate=60000", "expire-tokens"], 3)

    assert 3 == read.seed
    assert read.faults == (
        Fault(kind=FaultKind.THROTTLE, where="rlp/consumer", rate=60_000.0),
        Fault(kind=FaultKind.EXPIRE_TOKENS),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for_with_what_it_needs(kind: FaultKind) -> None:
    """What the table says that a kind needs is enough, and whatever lacks is told."""
    takes = KINDS[kind]
    needed = [name for name in takes.settings if name in (*takes.needs, "where")]
    asked = ",".join(f"{name}={COMPLETE[name]}" for name in needed)

    [fault] = scenario([f"{kind.value}:{asked}".rstrip(":")], 0).faults

    assert kind is fault.kind
    assert bool(fault.where) is (takes.targets is not Targets.STACK)
    for name in needed:
        less = ",".join(f"{n}={COMPLETE[n]}" for n in needed if n != name)
        with pytest.raises(UsageError, match=f"{kind.value} needs {name}"):
            scenario([f"{kind.value}:{less}"], 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("drip:where=rlp", "there is no fault 'drip'; did you mean drop?"),
        ("nonsense", "choose drop, duplicate, .* or name a scenario, FILE.yaml"),
        ("drop:where", "where has no value: write it KEY=VALUE"),
        ("drop:where=rlp,where=rlp", "where is given twice"),
        (
            "drop:where=rlp,every=0",
            "every: found 0; expected a whole number",
        ),
        (
            "drop:where=rlp,probability=2",
            "found 2; expected a number above 0",
        ),
        ("drop:where=rlp,every=2,lap=3", "found every and lap; expected only one"),
        ("drop:where=rlp,window=3", "drop has no such setting; it takes where, every"),
        ("drop:where=rlp,evry=3", "evry: no such setting; did you mean every?"),
        ("drop:where=nowhere", r"found 'nowhere'; expected a component \(agent"),
        ("drop:where=rlp,only=mine", "found 'mine'; expected messages or all"),
        ("delay:where=rlp,by=5", "by: found 5; expected a duration above 0"),
        ("step-clock:step=now", "found 'now'; expected a duration, as"),
        ("missing.yaml", "cannot read the scenario missing.yaml: No such file"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(given: str, words: str) -> None:
    """What was found, what was expected, and which option it was."""
    with pytest.raises(UsageError, match=words) as caught:
        scenario([given], 0)

    assert 1 == len(str(caught.value).splitlines())


def test_all_mistakes_of_a_scenario_are_told_with_their_lines(tmp_path: Path) -> None:
    """As of any configuration: FILE:LINE: PATH: WORDS."""
    file = tmp_path / "bad.yaml"
    file.write_text(
        "faults:\n"
        "  - {fault: kil, where: rlp}\n"
        "  - {fault: throttle, where: rlp}\n"
        "  - 7\n"
        "sed: 1\n"
    )

    with pytest.raises(UsageError) as caught:
        scenario([str(file)], 0)

    title, *lines = str(caught.value).splitlines()
    told = [line.removeprefix(f"{file}:") for line in lines]
    assert "4 mistakes in the scenario" == title
    assert told[0].startswith("2: faults[0].fault: found 'kil'; expected one of drop,")
    assert "3: faults[1].rate: found nothing; throttle needs rate: bytes" in told[1]
    assert (
        "4: faults[2]: found a number; expected settings, each `name: value`"
        == (told[2])
    )
    assert told[3].startswith("5: sed: no such setting; did you mean seed?")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("faults: []\n", "faults: found none; expected at least one"),
        ("- drop\n", "expected `faults:` and what is in it"),
        ("seed: 1\n", "faults: found nothing; expected what is done, and when"),
    ],
)
def test_a_scenario_of_nothing_is_none(
    tmp_path: Path, content: str, words: str
) -> None:
    """A file that says nothing is not taken for one that does nothing."""
    file = tmp_path / "empty.yml"
    file.write_text(content)

    with pytest.raises(UsageError, match=words):
        scenario([str(file)], 0)
