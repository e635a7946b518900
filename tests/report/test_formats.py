"""Every format as whoever reads it reads it, and what it makes of hostile strings."""

import dataclasses
import html
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import junitparser
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser
from pyarrow import parquet

from prober.errors import UsageError
from prober.records import Span, State
from prober.report import build, csv, frames
from prober.report.comparison import compare
from prober.report.formats import FORMATS, Rows, Subject, by_suffix
from prober.report.sides import side_of_report
from tests import tools
from tests.report import histories, renew, samples
from tests.report.schemas import FOLDER, validate
from tests.report.test_comparison import record

TEXTS = tuple(name for name, each in FORMATS.items() if not each.extra)
XSD = etree.XMLSchema(etree.parse(FOLDER / "junit.xsd"))


READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {
    "h3",
    "p",
    "strong",
    "blockquote",
    "ul",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}
"""The tags that our own Markdown becomes."""


def rendered(name: str, subject: Subject) -> str:
    """Return what a format makes of a subject."""
    text = FORMATS[name].render(subject)
    assert isinstance(text, str)
    return text


def metrics(text: str) -> list[Metric]:
    """Return what the OpenMetrics parser of prometheus_client finds in a file."""
    return [*parser.text_string_to_metric_families(text)]  # type: ignore[no-untyped-call]


def named(text: str) -> tuple[Subject, ...]:
    """Return a subject of each kind in which every string is one from outside."""
    cycle = samples.cycle(
        0, 10, consumer=text, reason=text, gaps=[Span(first=1, count=2)]
    )
    run = samples.run(
        samples.plan(10, 1, source_id=text),
        samples.consumer([cycle], transport=text),
        environment=text,
        warnings=(text,),
        written_to=(text,),
        run_id=text,
    )
    report = build(run, samples.TARGET)
    start = histories.at(1, 1)
    lossy = histories.stretch(State.LOSS, start, 1, text, bad=5, consumer=text)
    aside = histories.stretch(State.INVALID, start, 1, text, consumer=text)
    note = dataclasses.replace(histories.note(start, text), author=text)
    hours = [
        histories.hour(
            start, consumer=text, environment=text, states={State.LOSS: 1}, lost=5
        )
    ]
    measured = histories.run(
        run_id=text, daemon=text, written_to=(text,), consumers={text: text}
    )
    history = histories.history(
        hours, [lossy, aside], [note], environment=text, run=measured
    )
    other = dataclasses.replace(history, environment=f"{text}-")
    one, two = renew.window([history]), renew.window([history, other])
    side = side_of_report(report)
    return report, one, two, compare(side, side, target=samples.TARGET)


hostile = st.text(min_size=1, max_size=12) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "a\nb\r\nc",
        "\x00\x1b[31m\x7f\x9b",
        "\u202egnp.exe\u200f",
        '=HYPERLINK("http://x.example","y")',
        "+1",
        "@team #1 !x",
        "]]>&lt;",
        "| a | b |\n|---|---|",
        "[x](https://x.example) www.x.example",
        "\ud800\ufffe",
        '\\" \\n"',
        "__init__ *b* ~~c~~ `d` $e$",
    ]
)


@given(text=hostile)
def test_json_is_valid_and_ascii(text: str) -> None:
    """Whatever a name is, the document follows its schema and is plain ASCII."""
    for subject in named(text):
        written = rendered("json", subject)

        validate(json.loads(written))
        assert written.isascii()


@given(text=hostile)
def test_text_is_printable(text: str) -> None:
    """Nothing in a text file colours, hides or moves anything."""
    for subject in named(text):
        lines = rendered("text", subject).split("\n")

        assert all(each.isprintable() for each in lines)


@given(text=hostile)
def test_markdown_stays_text(text: str) -> None:
    """No name becomes a tag, a link, an image, a table or emphasis."""
    for subject in named(text):
        written = rendered("markdown", subject)
        page = READER.render(written)

        assert set(re.findall(r"</?(\w*)", page)) <= OURS
        assert all(each.isprintable() for each in written.split("\n"))


@given(text=hostile)
def test_markdown_tells_nobody(text: str) -> None:
    """No name mentions a person, an issue or an address that becomes a link."""
    for subject in named(text):
        written = rendered("markdown", subject)

        shown = html.unescape(written)
        assert not re.search(r"@\w|#\w|[a-z]://|www\.\w", shown, re.IGNORECASE)


@given(text=hostile)
def test_junit_is_accepted(text: str) -> None:
    """JUnit of any name is well-formed, follows its schema, and parses."""
    for subject in named(text):
        written = rendered("junit", subject).encode()

        XSD.assertValid(etree.fromstring(written))
        assert [*junitparser.JUnitXml.fromstring(written)]


@given(text=hostile)
def test_csv_has_no_formula(text: str) -> None:
    """A spreadsheet finds a row a line, and no cell that it would work out."""
    for subject in named(text):
        written = rendered("csv", subject)
        found = pd.read_csv(io.StringIO(written), dtype=str, keep_default_na=False)

        assert len(found) == len(written.splitlines()) - 1
        cells = found.to_numpy().ravel().tolist()
        assert [] == [each for each in cells if str(each).startswith(("=", "+", "@"))]
        numbers = re.compile(r"-?[\d.]+(e-?\d+)?")
        signed = [each for each in cells if str(each).startswith("-")]
        assert all(numbers.fullmatch(each) for each in signed)


@given(text=hostile)
def test_openmetrics_parses(text: str) -> None:
    """OpenMetrics of any name is read back with the name as it is shown."""
    for subject in named(text):
        written = rendered("openmetrics", subject)

        families = metrics(written)

        assert families
        assert all(
            value.isprintable()
            for family in families
            for sample in family.samples
            for value in sample.labels.values()
        )


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("sample", renew.SUBJECTS)
def test_every_format_tells_of_every_subject(name: str, sample: str) -> None:
    """There is nothing that a format has no words for, and it ends in a newline."""
    text = rendered(name, renew.SUBJECTS[sample]())

    assert text.endswith("\n")
    assert not re.search(r"\bnan\b|\bNone\b(?! of)|Fraction\(", text)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("met", None),
        ("violated", junitparser.Failure),
        ("inconclusive", junitparser.Skipped),
        ("no_data", junitparser.Skipped),
        ("month", None),
        ("upgrade", junitparser.Failure),
    ],
)
def test_junit_outcomes(sample: str, expected: type[Any] | None) -> None:
    """CI sees a missed objective as a failure, and what cannot be told as skipped."""
    suites = junitparser.JUnitXml.fromstring(
        rendered("junit", renew.SUBJECTS[sample]()).encode()
    )

    (case,) = (case for suite in suites for case in suite)
    assert ([] if expected is None else [expected]) == [*map(type, case.result)]


def test_junit_of_a_probe_that_could_not_be() -> None:
    """What could not be probed is an error, with the reason."""
    nothing = samples.run(samples.plan(100, 1), rate_achieved=None)
    report = build(nothing, samples.TARGET, failure="nobody answers at 127.0.0.1:1")

    suites = junitparser.JUnitXml.fromstring(rendered("junit", report).encode())

    (case,) = (case for suite in suites for case in suite)
    (found,) = case.result
    assert isinstance(found, junitparser.Error)
    assert "COULD NOT PROBE: nobody answers at 127.0.0.1:1" == found.message


def test_junit_counts() -> None:
    """Counts and bounds are properties; totals are those of the suites."""
    suites = junitparser.JUnitXml.fromstring(
        rendered("junit", renew.SUBJECTS["foundations"]()).encode()
    )

    assert (4, 1) == (suites.tests, suites.failures)
    (staging, *_) = suites
    properties = {each.name: each.value for each in staging.properties()}  # type: ignore[no-untyped-call]
    assert ("40140000", "49000") == (
        properties["rlp.accepted"],
        properties["rlp.lost"],
    )


@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_openmetrics_is_as_prometheus_wants_it(name: str) -> None:
    """`promtool check metrics` has nothing against any name, type or label."""
    promtool = tools.program("/usr/bin/promtool", "apt-get install prometheus")

    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=rendered("openmetrics", renew.SUBJECTS[name]()),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_openmetrics_of_the_month() -> None:
    """The figures of the worked example stand in the file, by name."""
    families = {
        family.name: family
        for family in metrics(rendered("openmetrics", renew.SUBJECTS["month"]()))
    }
    (left,) = families["prober_report_budget_remaining_ratio"].samples
    lost = {
        each.labels["result"]: each.value
        for each in families["prober_report_messages"].samples
    }

    assert {"env": "prod_eu", "consumer": "rlp"} == left.labels
    assert pytest.approx(0.6894142709) == left.value
    assert (13_351, 4) == (lost["lost"], lost["corrupt"])


def test_csv_of_the_month_adds_up() -> None:
    """The hours of the file add up to what the report says."""
    text = rendered("csv", renew.SUBJECTS["month"]())

    hours = pd.read_csv(io.StringIO(text), parse_dates=["start"])

    assert 720 == len(hours)
    assert (13_355, 42_999_400) == (hours["bad"].sum(), hours["accepted"].sum())


def test_rows_are_held_a_part_at_a_time() -> None:
    """A part is made when the one before it is written; the header stands once."""
    made: list[int] = []

    def parts() -> Iterator[pd.DataFrame]:
        for index in range(3):
            made.append(index)
            yield frames.cycles([record(index, State.LOSS, 7)])

    rows = Rows(parts=parts)
    first = next(iter(csv.Pieces(rows)))

    assert [0] == made
    assert csv.written(pd.concat(parts())) == csv.render(rows)
    assert csv.render(rows).startswith(first)
    table = parquet.read_table(io.BytesIO(FORMATS["parquet"].load().render(rows)))
    assert 3 == table.num_rows


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("out.json", "json"),
        ("a/b/REPORT.MD", "markdown"),
        ("x.y.xml", "junit"),
        ("out.prom", "openmetrics"),
    ],
)
def test_the_suffix_picks_the_format(path: str, expected: str) -> None:
    """A file's name tells its format."""
    assert expected == by_suffix(path)


@pytest.mark.parametrize("path", ["out", "out.docx", ".json", str(Path("a.b") / "c")])
def test_unknown_suffixes_are_refused(path: str) -> None:
    """A name that tells no format is refused with those there are."""
    with pytest.raises(UsageError, match=r"no format has files like .*: end it in"):
        by_suffix(path)


def test_suffixes_are_told_apart() -> None:
    """No two formats claim the same files."""
    suffixes = [suffix for each in FORMATS.values() for suffix in each.suffixes]

    assert sorted(set(suffixes)) == sorted(suffixes)


def test_a_missing_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A format whose library is not there names the extra that brings it."""
    missing = dataclasses.replace(FORMATS["json"], module="nowhere", extra="pdf")
    monkeypatch.setattr("importlib.import_module", _refuse)

    with pytest.raises(UsageError, match=r"pip install 'loggregator-prober\[pdf\]'"):
        missing.render(samples.sample("met"))


def _refuse(name: str) -> Callable[[], None]:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
