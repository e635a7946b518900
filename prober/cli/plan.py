"""`prober plan`: how many messages, how long, at what rate, for a claim."""

import json as jsonlib
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import rich_click as click

from prober.cli import values
from prober.clock import NS
from prober.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from prober import slo as slo_package

SCHEMA = "prober.plan/v1"


@click.command("plan", short_help="How many messages a claim takes, and how long.")
@click.option(
    "--slo",
    type=values.Target(),
    required=True,
    help="The objective: 99.9, or 0.999.",
)
@click.option(
    "--confidence",
    default="95",
    show_default=True,
    help="Of the claim, in percent.",
)
@click.option(
    "--worst-burst",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="The most messages that one drop can cost: a ring's size, by the probe's share"
    " of its traffic.",
)
@click.option(
    "--rate",
    type=values.Rate(),
    metavar="N/s",
    default="1000/s",
    show_default=True,
    help="Messages a second of a single run.",
)
@click.option(
    "--cycle",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Messages in a cycle.",
)
@click.option(
    "--losses",
    type=click.IntRange(min=0, max=1000),
    default=0,
    show_default=True,
    help="Worst bursts that the claim should survive.",
)
@click.option(
    "--every",
    type=values.Duration(),
    default="1m",
    show_default=True,
    help="From one cycle to the next, in continuous use.",
)
@click.option(
    "--window",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="The objective's period, in days.",
)
@click.option("--json", is_flag=True, help="One JSON document instead of tables.")
def plan(**options: Any) -> None:  # noqa: ANN401 - the command line's
    """Tell how many messages a claim takes, and what alerts could see.

    Loss comes in bursts, so what counts is how many worst bursts a sample outweighs,
    not how many messages it has.
    """
    from prober import slo

    if options["rate"] is None:
        raise UsageError("a plan needs a rate in figures, like --rate 1000/s")
    planned = slo.plan(
        options["slo"],
        rate=float(options["rate"]),
        confidence=_confidence(options["confidence"]),
        worst_burst=options["worst_burst"],
        cycle=options["cycle"],
        losses=options["losses"],
        every_s=_whole_seconds(options["every"]),
        period_days=options["window"],
    )
    if options["json"]:
        click.echo(jsonlib.dumps(document(planned), indent=2, allow_nan=False))
    else:
        _show(planned)


def document(planned: "slo_package.Plan") -> dict[str, Any]:
    """Return a plan as a JSON document: exact figures as numbers, null for never."""
    return {"schema": SCHEMA, **_plain(asdict(planned))}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a document is made of
    """Return a value with its exact numbers as floats."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, Decimal | Fraction) else value


def _confidence(text: str) -> float:
    from prober import slo

    confidence = slo.parse_target(text, "confidence")
    if confidence < Decimal("0.5"):
        raise UsageError(f"a confidence below 50 % is none, and {text!r} is")
    if float(confidence) == 1:
        raise UsageError(f"the confidence {text!r:.40} is too close to 100 % to tell")
    return float(confidence)


def _whole_seconds(every_ns: int) -> int:
    if every_ns < NS:
        raise UsageError("cycles of continuous use follow each other in --every 1s up")
    return every_ns // NS


def _show(planned: "slo_package.Plan") -> None:
    """Print a plan as tables, plain where nobody watches."""
    from rich.console import Console
    from rich.padding import Padding

    from prober import slo

    console = Console(highlight=False)
    survived = f", {planned.losses:,} times over" if planned.losses else ""
    console.print(
        f"To claim {slo.format_target(planned.target)} with"
        f" {slo.format_target(Decimal(str(planned.confidence)))} confidence,"
        f" if one drop can cost {planned.worst_burst:,} messages{survived}:"
    )
    for title, table in _tables(planned):
        console.print()
        console.print(title)
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _tables(planned: "slo_package.Plan") -> Iterator[tuple[str, "Table"]]:
    rate = f"{planned.rate:,.10g}/s"
    yield f"One run at {rate}", _efforts(planned)
    yield "Cycles apart in time, so that one drop costs at most one", _apart(planned)
    yield "What alerts see, and how long after the first loss", _detection(planned)


def _efforts(planned: "slo_package.Plan") -> "Table":
    """Return the efforts of a single run."""
    from prober import slo

    table = _table("", "messages", "cycles", "time")
    for name, effort in (
        ("of fixed length", planned.claim),
        ("--until-decided, if nothing is lost", planned.early),
    ):
        time = slo.format_duration(effort.seconds)
        table.add_row(name, f"{effort.messages:,}", f"{effort.cycles:,}", time)
    alone = planned.independent
    time = slo.format_duration(alone / planned.rate)
    table.add_row("if messages were lost one by one", f"{alone:,}", "", time)
    return table


def _apart(planned: "slo_package.Plan") -> "Table":
    """Return the effect of smaller cycles."""
    from prober import slo

    table = _table("messages a cycle", "messages", "cycles", "time")
    for row in planned.apart:
        time = slo.format_duration(row.effort.seconds)
        table.add_row(
            f"{row.cycle:,}", f"{row.effort.messages:,}", f"{row.effort.cycles:,}", time
        )
    return table


def _detection(planned: "slo_package.Plan") -> "Table":
    """Return what each burn-rate rule can detect, and how fast."""
    from prober import slo

    table = _table(
        "rule", "burn rate", "notices from", "all lost", "10 % lost", "1 % lost"
    )
    for row in planned.detection:
        times = [
            "never" if each is None else slo.format_duration(each)
            for each in row.seconds
        ]
        window = slo.format_duration(row.rule.long_s)
        least = "never" if row.refusal else slo.format_loss(row.least_loss)
        table.add_row(
            f"{row.rule.severity}, {window}",
            f"{float(row.rule.factor):.4g}",
            least,
            *times,
        )
    return table


def _table(first: str, *others: str) -> "Table":
    """Return an empty table, numbers to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(first, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for each in others:
        table.add_column(each, justify="right")
    return table
