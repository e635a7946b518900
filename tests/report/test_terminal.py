"""The screen: words, layout and what it refuses to show."""

import dataclasses
import io
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from prober.records import RunResult, Span, State
from prober.report import Report, build
from prober.report.answer import line, sentences
from prober.report.environment import build_environment
from prober.report.environments import together
from prober.report.facts import facts
from prober.report.screen import screen
from prober.report.terminal import plain, render
from prober.report.words import duration, harmless, times, what_was_read
from tests.report import histories, samples

ANSI = re.compile(r"\x1b\[[\d;]*m")


def shown(report: Report, *, width: int = 80, terminal: bool = True) -> str:
    """Return what is written to a console, with its ANSI codes."""
    out = io.StringIO()
    render(report, Console(file=out, force_terminal=terminal, width=width))
    return out.getvalue()


def words(text: str) -> list[str]:
    """Return the words of a screen without frame and codes."""
    return re.sub(r"[│─╭╮╰╯|:,]", " ", ANSI.sub("", text)).split()


def window() -> RunResult:
    """Return the worked example of a month: 43,000 cycles that count, in fewer."""
    gaps = {0: 9_800, 1: 3_100, 2: 412, 3: 38, 4: 1}
    count = 8_599_880
    cycles = [
        samples.cycle(
            index,
            count,
            gaps=[Span(first=index * count, count=lost)],
            corrupt=4 * (index == 3),
        )
        for index, lost in gaps.items()
    ]
    unsure = samples.cycle(
        5,
        150_000,
        gaps=[Span(first=0, count=10_000)],
        state=State.INCONCLUSIVE,
        reason="stream cut",
    )
    everything = samples.consumer([*cycles, unsure])
    return samples.run(samples.plan(43_149_400, 6), everything)


def test_the_line_of_the_worked_example() -> None:
    """The one-line form puts the count first and the nines behind it."""
    report = build(window(), Decimal("0.999"))

    expected = [
        "lost 13,351 + corrupt 4 of 42,999,400, 1 in 3,219",
        "99.9689%, 3.50 nines",
        "budget 68.9% left (45.8% if all unseen was lost)",
        "supports 99.88%",
        "5 lossy cycles, largest 9,800",
        "measured 83.3% of the time",
    ]
    assert expected == line(report)


def test_nothing_lost_prints_a_bound_with_its_basis() -> None:
    """Without losses there are no nines and no 100 %, but what the sample supports."""
    report = build(samples.met(), None)

    expected = ["lost 0 of 10,000", "supports 70.0%"]
    assert expected == line(report)
    expected = [
        "ALL ARRIVED: 10,000 of 10,000 messages.",
        "AS A PROMISE this supports 70.0 % if one drop can cost 1,000 messages.",
    ]
    assert expected == sentences(report)
    assert not re.search(r"\b100(\.0*)? ?%", shown(report))


def test_a_partial_run_says_so() -> None:
    """An interrupted run says behind its answer how far it came."""
    partial = dataclasses.replace(samples.met(), partial=True)
    partial = dataclasses.replace(partial, plan=samples.plan(20_000, 10))

    _, told, *_ = sentences(build(partial, None))

    expected = "PARTIAL: interrupted after 10,000 of 20,000 messages."
    assert expected == told


def test_a_partial_run_without_a_plan_says_how_much_was_sent() -> None:
    """Where a plan was the most that might be sent, it tells nobody anything."""
    partial = dataclasses.replace(samples.met(), partial=True)
    partial = dataclasses.replace(partial, plan=samples.plan(10_000_000, 10_000))

    _, told, *_ = sentences(build(partial, None))

    assert "PARTIAL: interrupted after 10,000 messages." == told


@pytest.mark.parametrize(
    ("transports", "whole", "told"),
    [
        ({"rlp": "rlp"}, False, "own source only, not a nozzle's view"),
        ({"rlp": "rlp", "v1": "v1 firehose"}, True, "the whole Firehose"),
        ({"v1": "v1 firehose"}, False, "the whole Firehose"),
        (
            {"rlp": "rlp", "v1": "v1 firehose", "gw": "rlp gateway"},
            False,
            "rlp, gw: own source only, not a nozzle's view; v1: the whole Firehose",
        ),
    ],
)
def test_whose_messages_were_read(
    transports: dict[str, str], *, whole: bool, told: str
) -> None:
    """The v1 Firehose has no selector: who reads it reads everybody."""
    assert told == what_was_read(transports, whole_firehose=whole)


def test_nothing_measured() -> None:
    """A run that could not begin says why, and shows no figures."""
    nothing = samples.run(samples.plan(100, 1), rate_achieved=None)
    report = build(nothing, None, failure="nobody answers at 127.0.0.1:1")

    expected = ["COULD NOT PROBE: nobody answers at 127.0.0.1:1"]
    assert expected == sentences(report)
    assert not line(report)
    assert "nines" not in shown(report)


@pytest.mark.parametrize("name", samples.MADE)
@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_it_fits_the_terminal(name: str, width: int) -> None:
    """No line is wider than the terminal, nor than people like to read."""
    lines = ANSI.sub("", shown(samples.sample(name), width=width)).splitlines()

    assert max(map(cell_len, lines)) == min(width, 100)


def test_one_consumer_fits_one_screen() -> None:
    """A clean run of one consumer is seen as a whole on 80 x 24."""
    lines = shown(samples.sample("met")).splitlines()

    assert len(lines) < 24


@pytest.mark.parametrize("name", samples.MADE)
def test_both_layouts_say_the_same(name: str) -> None:
    """A panel and plain lines differ in their layout, not in their words."""
    report = samples.sample(name)

    panel = words(shown(report, width=100))
    lines = words(shown(report, terminal=False))

    assert sorted(lines) == sorted(panel)


@pytest.mark.parametrize("name", samples.MADE)
def test_elsewhere_than_on_a_terminal(name: str) -> None:
    """Plain lines have no codes, no frame, and nothing beyond ASCII of ours."""
    text = shown(samples.sample(name), terminal=False)

    assert text.isascii()
    assert "\x1b" not in text
    assert [each.rstrip() for each in text.splitlines()] == text.splitlines()


def test_no_color_leaves_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colours away and nothing else."""
    coloured = shown(samples.sample("violated"))
    monkeypatch.setenv("NO_COLOR", "1")

    bare = shown(samples.sample("violated"))

    assert ANSI.sub("", coloured) == ANSI.sub("", bare)
    assert not re.search(r"\x1b\[[\d;]*3\d", bare)


@given(text=st.text(max_size=12), terminal=st.booleans())
def test_hostile_names(text: str, terminal: bool) -> None:  # noqa: FBT001 - drawn
    """No name colours, hides or moves anything: what is not printable is escaped."""
    named = samples.consumer([samples.cycle(0, 10, consumer=text, reason=text)])
    result = samples.run(samples.plan(10, 1), named, environment=text, warnings=(text,))

    out = shown(build(result, None), terminal=terminal)

    assert all(each.isprintable() for each in ANSI.sub("", out).splitlines())


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_without_unicode(*, terminal: bool) -> None:
    """Where only ASCII can be shown, names are escaped and frames simple."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    result = dataclasses.replace(samples.violated(), environment="k\u00f6ln")

    render(build(result, None), Console(file=out, force_terminal=terminal, width=80))

    out.seek(0)
    assert r"k\xf6ln" in out.read()


def test_markup_is_not_interpreted() -> None:
    """Square brackets in a name are shown, not obeyed."""
    result = dataclasses.replace(samples.met(), environment="[red]a[/]:boom:")

    assert "[red]a[/]:boom:" in shown(build(result, None))


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("a\x1b[2J\u202eb\n", "utf-8", r"a\x1b[2J\u202eb\n"),
        ("\udc80 \u2028", "utf-8", r"\udc80 \u2028"),
        ("fo\u00e9", "utf-8", "fo\u00e9"),
        ("fo\u00e9", "ascii", r"fo\xe9"),
    ],
)
def test_escapes(text: str, encoding: str, expected: str) -> None:
    """Control characters, and what an encoding cannot carry, stand as escapes."""
    assert expected == harmless(text, encoding)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "no data"),
        (0.0, "0 us"),
        (0.000_000_4, "0.400 us"),
        (0.001_240_1, "1.25 ms"),
        (0.009, "9.00 ms"),
        (0.412, "412 ms"),
        (5.92, "5.92 s"),
        (61.0, "61.0 s"),
        (86_400.0, "86,400 s"),
    ],
)
def test_durations(seconds: float | None, expected: str) -> None:
    """A duration has three digits and is rounded up."""
    assert expected == duration(seconds)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (42 / 1_440, "0.030 times"),
        (1.0, "1.0 times"),
        (2.21, "2.3 times"),
        (10.000_000_000_1, "10 times"),
        (123.4, "124 times"),
        (1_234.0, "1,234 times"),
        (0.0, "0 times"),
    ],
)
def test_paces(ratio: float, expected: str) -> None:
    """How fast a budget goes has two digits or more, and is rounded up."""
    assert expected == times(ratio)


def test_a_run_tells_in_the_order_of_what_is_asked() -> None:
    """What happened, how far to trust it, latency, rates, how it was measured."""
    told = [label for label, _ in facts(samples.sample("inconclusive")) if label]

    expected = (
        "meanwhile, cycles, in order, lost in, beside, side by side, uncounted, "
        "warning, ourselves, rate, read, run"
    )
    assert expected == ", ".join(told)
    found = [line.split(" ")[0] for line in plain(screen(samples.sample("met")))]
    assert ["ourselves", "", "latency", "rlp", "", "rate"] == found[-8:-2]


@pytest.mark.parametrize(("width", "heading"), [(100, True), (50, False)])
def test_what_is_left_has_a_heading(*, width: int, heading: bool) -> None:
    """The budget's column says what it is; as a line its figures do by themselves."""
    out = io.StringIO()
    report = build_environment(histories.month(), kind="rolling")
    both = together([report, report], 0)
    render(both, Console(file=out, force_terminal=True, width=width))

    told = " ".join(words(out.getvalue()))
    assert heading is ("rate budget measured" in told)
    assert heading is not ("rate 68.9% left 99.5% measured" in told)
