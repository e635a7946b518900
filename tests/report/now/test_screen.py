"""The screen of `prober status`, its document, and its line for Nagios."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import prober
from prober.report.now import Known, Now, now
from prober.report.now import json as now_json
from prober.report.now.nagios import code, line
from prober.report.now.screen import rows
from tests.report.now import samples
from tests.report.now.samples import NOW, known, live

SCHEMA = Path(prober.__file__).parent.parent / "reports/schema/status.v1.json"


def named(name: str, found: Now) -> Now:
    """Return the same of another environment."""
    return replace(found, environment=name)


def several() -> list[Now]:
    """Return one that loses, one that is not measured, and six that are well."""
    refused = live(
        measuring=False,
        why_not="token refused",
        ours=True,
        since_ns=NOW - 360 * 1_000_000_000,
    )
    return [
        *(named(f"prod_{n}", now(known())) for n in range(6)),
        named("prod_us", now(known(lives=[refused]))),
        now(samples.losing()),
    ]


def text(found: list[Now], width: int = 100, *, in_full: bool = False) -> list[str]:
    """Return the screen's lines."""
    return [row.text for row in rows(found, width=width, in_full=in_full)]


def test_screen_at_three_in_the_morning() -> None:
    """What loses is shown in full, what is not measured in a line, the rest in one."""
    assert [
        "prod_eu  LOSING since 03:06:58 (74 s)   ticket, no page",
        "  now      51 % overdue > 5 s on rlp AND gateway; final at 60 s",
        (  # one line
            "  who      rlp and gateway: subscriptions of before are blind; a NEW one "
            "gets all: every nozzle that"
        ),
        "           was connected misses them too",
        "  mine?    no: streams up, loop lag 3.00 ms, readers 12.0 ms behind",
        "  platform its own counters show no drops; reconnect ladder ends by 03:08:50",
        "  budget   99 %/30 d: 81 % left; at this pace gone in 11 h",
        "  changed  03:06:40 deploy cf v41 (ci)",
        "  do       wait to 03:08:50, else reconnect nozzles | prober check prod_eu",
        "prod_us  NOT MEASURED 6 min: token refused (ours)",
        "6 others within budget; oldest cycle 58 s",
    ] == text(several())


@pytest.mark.parametrize("width", [20, 40, 47, 48, 80])
def test_narrow_terminal(width: int) -> None:
    """No line is wider than the terminal, and no word of it is left out."""
    wide, narrow = text(several(), 100), text(several(), width)

    assert max(map(len, narrow)) <= width
    assert sorted(" ".join(wide).split()) == sorted(" ".join(narrow).split())


def test_named_environment_is_shown_in_full() -> None:
    """Who asks for one gets all its lines, also when it is well."""
    assert [
        "prod_eu  OK, last cycle 58 s ago",
        "  mine?    no: streams up, loop lag 3.00 ms, readers 12.0 ms behind",
        "  budget   99 %/30 d: 100 % left",
    ] == text([now(known())], in_full=True)


def test_nothing_was_watched() -> None:
    """An empty history is a sentence, and no empty screen."""
    assert ["nothing was watched yet: prober watch begins"] == text([])


def test_environments_without_objective() -> None:
    """Where there is no budget nothing is called within it."""
    found = [now(known(window=samples.window(target=None)))]

    assert ["1 environment without loss now; last cycle 58 s"] == text(found)


def test_document_keeps_its_promise() -> None:
    """The document is what its schema says, for every condition, and never NaN."""
    schema = json.loads(SCHEMA.read_text())
    empty = Known(environment="new", at_ns=NOW, lives=[], recent=[], window=None)
    told = json.loads(now_json.document([*several(), now(empty)], NOW))

    jsonschema.validate(told, schema)
    first: dict[str, Any] = told["environments"][0]
    assert ("prod_eu", "losing") == (first["environment"], first["condition"])
    assert (
        "51 % overdue > 5 s on rlp AND gateway; final at 60 s" == first["lines"]["now"]
    )
    assert 0.81 == pytest.approx(first["budget"]["remaining_ratio"])
    consumer = first["daemon"]["consumers"][0]
    assert (485, 247, True) == (
        consumer["due"],
        consumer["overdue"],
        consumer["blind"],
    )


def test_line_for_nagios() -> None:
    """The worst decides, and budgets are performance data."""
    found = several()

    assert 2 == code(found)
    told, _, data = line(found).partition(" | ")
    assert (
        "PROBER CRITICAL - prod_eu LOSING since 03:06:58 (74 s); "
        "prod_us NOT MEASURED 6 min: token refused (ours); 6 OK"
    ) == told
    assert "'prod_eu budget'=81.00%" in data.split(" '")[0]


def test_budgets_for_nagios_are_cut_off() -> None:
    """A budget that is nearly untouched is not told as untouched."""
    first = next(each for each in several() if each.budget is not None)
    assert first.budget is not None
    nearly = replace(first, budget=replace(first.budget, remaining=0.99996))

    assert line([nearly]).endswith(" budget'=99.99%")


def test_words_of_a_peer_are_no_performance_data() -> None:
    """A bar in somebody's words does not begin what machines read."""
    away = live(measuring=False, why_not="a | b", retries=1)

    assert 1 == line([now(known(lives=[away]))]).count("|")


def test_nagios_of_nothing() -> None:
    """What was never watched is unknown."""
    assert (3, "PROBER UNKNOWN - nothing was ever watched") == (code([]), line([]))
