"""`prober run --find-limit`: what a step comes to, and what is told of a search."""

import dataclasses
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from rich.console import Console

from prober.cli import limited
from prober.cli.find_limit import Limit, Step, judge
from prober.records import BufferDrops, RunResult, Span, State
from prober.report import build
from prober.search import End, Found, Search
from tests.cli.test_run import prober
from tests.processes import PIPES, line_with, started
from tests.report import samples

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports/schema/limit.v1.json").read_text("utf-8")
)
GAP = Span(first=100, count=40)


def run(*cycles: Any, achieved: float = 1_000.0) -> RunResult:  # noqa: ANN401
    """A step at 1,000/s."""
    plan = samples.plan(100 * len(cycles), len(cycles), rate_asked=1_000.0)
    return samples.run(plan, samples.consumer(cycles), rate_achieved=achieved)


CLEAN = run(samples.cycle(0, 100), samples.cycle(1, 100))
LOSSY = dataclasses.replace(
    run(samples.cycle(0, 100), samples.cycle(1, 100, gaps=[GAP])),
    stack_drops=(BufferDrops(buffer="router 1 egress", dropped=40, ring=1_000),),
)
VOID = samples.cycle(1, 100, state=State.INVALID, reason="loop lag 2.3 s")
UNSURE = samples.cycle(1, 100, state=State.INCONCLUSIVE, reason="reader away")


@pytest.mark.parametrize(
    ("result", "found", "words"),
    [
        (CLEAN, Found.CLEAN, ""),
        (LOSSY, Found.BROKE, "rlp lost 40 of 200"),
        (run(samples.cycle(0, 100), VOID), Found.OWN, "loop lag 2.3 s"),
        (run(samples.cycle(0, 100), UNSURE), Found.UNSURE, "reader away"),
        (
            run(samples.cycle(0, 100), achieved=949.0),
            Found.OWN,
            "only 949/s were sent",
        ),
        (run(samples.cycle(0, 100), achieved=951.0), Found.CLEAN, ""),
        # A loss that counts is the pipeline's, whatever else was wrong.
        (
            run(samples.cycle(0, 100, gaps=[Span(first=1, count=3)]), VOID),
            Found.BROKE,
            "rlp lost 3 of 100",
        ),
        # What went missing in a void cycle is nobody's loss.
        (
            run(samples.cycle(0, 100), dataclasses.replace(VOID, gaps=(GAP,))),
            Found.OWN,
            "loop lag 2.3 s",
        ),
    ],
)
def test_what_a_step_comes_to(result: RunResult, found: Found, words: str) -> None:
    """The pipeline's limit, our own, and what nobody can tell are kept apart."""
    assert (found, words) == judge(result, 1_000)


def limit(end: End, *steps: tuple[int, RunResult], bound: str = "") -> Limit:
    """A search that ended somehow, after some steps."""
    search = Search(start=1_000, most=None, gentle=False)
    made = []
    for rate, result in steps:
        found, words = judge(result, 1_000)
        search.take(rate, found)
        told = build(result, None)
        made.append(Step(rate=rate, found=found, words=words, report=told))
    search.end = end
    return Limit(
        environment="prod_eu",
        seconds=5.0,
        search=search,
        bound=bound,
        steps=tuple(made),
    )


OWN = run(samples.cycle(0, 100), VOID)
ENDS = {
    "found": (
        limit(End.FOUND, (1_000, CLEAN), (2_000, LOSSY)),
        0,
        "prod_eu carries 1,000/s clean; at 2,000/s it broke.",
    ),
    "never clean": (
        limit(End.FOUND, (1, LOSSY)),
        0,
        "prod_eu: no rate was clean; at 1/s it broke.",
    ),
    "bound": (
        limit(End.BOUND, (1_000, CLEAN), bound="limits.rate"),
        0,
        "prod_eu carries 1,000/s clean, and more was not to be tried: limits.rate.",
    ),
    "own": (
        limit(End.OWN, (1_000, CLEAN), (2_000, OWN)),
        3,
        "prod_eu carries 1,000/s clean; at 2,000/s the prober itself cannot go on.",
    ),
    "unsure": (
        limit(End.UNSURE, (1_000, CLEAN), (2_000, run(UNSURE))),
        3,
        "prod_eu carries 1,000/s clean; of 2,000/s nobody can tell.",
    ),
    "failed": (
        dataclasses.replace(limit(End.UNSURE, (1_000, CLEAN)), failure="no agent"),
        3,
        "prod_eu carries 1,000/s clean, and then there was no going on: no agent.",
    ),
    "interrupted": (
        limit(End.INTERRUPTED, (1_000, CLEAN)),
        130,
        "interrupted: prod_eu carries 1,000/s clean so far.",
    ),
    "interrupted at once": (
        limit(End.INTERRUPTED),
        130,
        "interrupted: prod_eu: no rate was clean so far.",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_a_search_is_told(name: str) -> None:
    """An answer first, an exit code, and a document that follows its schema."""
    found, code, answer = ENDS[name]
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    jsonschema.validate(json.loads(limited.document(found)), SCHEMA)
    assert code == found.exit_code
    assert answer == " ".join(shown(found, 200)[0].split())


def shown(found: Limit, width: int) -> list[str]:
    """The screen, line by line."""
    console = Console(file=io.StringIO(), width=width)
    limited.show(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 40])
def test_where_it_broke_fits_the_screen(width: int) -> None:
    """Which consumer, which buffer, which gaps: at 80 columns, and at 40."""
    found, *_ = ENDS["found"]

    lines = shown(found, width)

    assert width >= max(map(len, lines))
    text = " ".join(" ".join(lines).split())
    assert "at 2,000/s rlp lost 40 of 200" in text
    assert "router 1 egress 40" in text
    assert "resolution 5%, 5 s at each rate" in text


def test_a_property_that_nobody_described_is_refused() -> None:
    """The schema knows every property of the document and of its steps."""
    found, *_ = ENDS["found"]
    told = json.loads(limited.document(found))
    for place in (told, told["steps"][0], told["steps"][0]["consumers"][0]):
        place["surprise"] = 1
        with pytest.raises(jsonschema.ValidationError, match="surprise"):
            jsonschema.validate(told, SCHEMA)
        del place["surprise"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--messages", "5"), "leave --messages out"),
        (("--slo", "99"), "leave --slo out"),
        (("--rate", "max"), "--rate N/s, and not max"),
        (("--while", "--", "true"), "do not go together"),
    ],
)
def test_what_does_not_go_with_it(options: tuple[str, ...], words: str) -> None:
    """A search tries rates of its own, and says so before anything is sent."""
    done = prober("run", "--find-limit", *options)

    assert 2 == done.returncode
    assert words in done.stderr


def test_a_step_is_a_searchs() -> None:
    """`--step` alone means nothing."""
    done = prober("run", "--step", "1s")

    assert 2 == done.returncode
    assert "--step belongs to --find-limit" in done.stderr


@contextmanager
def environment(
    tmp_path: Path, limits: dict[str, Any], *options: str
) -> Iterator[list[str]]:
    """A reference stack as an environment with limits of its own."""
    config = tmp_path / "prober.yaml"
    with started(
        *("reference", "--json", "--write-config", str(config), *options),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        told = yaml.safe_load(config.read_text())
        told["environments"]["reference"]["limits"] = limits
        config.write_text(yaml.safe_dump(told))
        yield ["reference", "--config", str(config)]


def test_an_environment_is_asked_for_no_more_than_it_allows(tmp_path: Path) -> None:
    """A quarter more each time, up to its limit, which is said; and no further."""
    with environment(tmp_path, {"rate": "100/s"}) as env:
        done = prober(
            *("run", *env, "--find-limit", "--rate", "80/s", "--step", "1s"), "--json"
        )

    assert 0 == done.returncode
    told = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    assert ("bound", 100, None) == (
        told["ended"],
        told["highest_clean_rate"],
        told["broke_at_rate"],
    )
    assert [80, 100] == [each["rate"]["asked"] for each in told["steps"]]
    assert "more was not to be tried: limits.rate" in " ".join(done.stderr.split())


def test_all_steps_together_keep_to_the_messages(tmp_path: Path) -> None:
    """The limit of messages holds for the search as a whole."""
    with environment(tmp_path, {"messages": 150}) as env:
        done = prober(
            *("run", *env, "--find-limit", "--rate", "80/s", "--step", "1s"), "--json"
        )

    told = json.loads(done.stdout)
    assert ("bound", 80) == (told["ended"], told["highest_clean_rate"])
    assert "the limit of 150 messages" in told["bound"]


def test_where_an_environment_breaks(tmp_path: Path) -> None:
    """It stops at the first loss: what a small ring lost, and that it was a ring."""
    allowed = {"rate": "1000/s", "messages": 10_000}
    with environment(tmp_path, allowed, "--subscription-buffer", "10") as env:
        done = prober(
            *("run", *env, "--yes", "--find-limit", "--rate", "1000/s"),
            *("--step", "1s", "--lost-after", "6s", "--json"),
        )

    assert 0 == done.returncode
    told = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    assert ("found", None, 1_000) == (
        told["ended"],
        told["highest_clean_rate"],
        told["broke_at_rate"],
    )
    [step] = told["steps"]
    lost = next(each["lost"] for each in step["consumers"] if each["name"] == "rlp")
    assert 0 < lost
    assert 0 == lost % 10
    screen = " ".join(done.stderr.split())
    assert "reference: no rate was clean; at 1,000/s it broke." in screen
    assert "router egress drops rose by" in screen


def test_the_bundled_stack_is_searched(tmp_path: Path) -> None:
    """Whatever breaks first, the stack or this machine, is told as what it is."""
    out = tmp_path / "limit.json"
    with started(
        *("run", "--find-limit", "--rate", "24000/s", "--step", "1s"),
        *("--lost-after", "6s", "--json", str(out)),
        **PIPES,
    ) as process:
        first = line_with("/s  ", process.stderr)
        process.send_signal(signal.SIGINT)
        screen, _ = process.communicate(timeout=50)

    assert 130 == process.returncode
    told = json.loads(out.read_text())
    jsonschema.validate(told, SCHEMA)
    step = told["steps"][0]
    if "broke: rlp lost " in first:
        dropped = {each["buffer"]: each["dropped"] for each in step["buffers"]}
        assert sum(dropped.values()) == step["consumers"][0]["lost"]
        assert 24_000 == told["broke_at_rate"]
        assert "egress" in screen
    else:
        assert "our own limit" in first
