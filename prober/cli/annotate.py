"""`prober annotate`: what happened to an environment, and what is to count."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from prober.cli.moments import Moment, TimeSpan
from prober.cli.stored import author, known, location, opened, store_options
from prober.clock import SystemClock
from prober.errors import UsageError

if TYPE_CHECKING:
    from prober.history import Annotation


@click.command("annotate", short_help="Add what happened: a deploy, an exclusion.")
@click.argument("env")
@click.argument("text", required=False, metavar="[TEXT]")
@click.option(
    "--at",
    type=Moment(),
    metavar="TIME",
    help="When it happened: 14:02, 2026-07-01T14:02, '10m ago'.  [default: now]",
)
@click.option(
    "--during",
    type=TimeSpan(),
    metavar="FROM..TO",
    help="How long it took, for what is no moment: 14:00..15:30, 14:00..+90m.",
)
@click.option(
    "--exclude",
    type=TimeSpan(ahead=True),
    metavar="FROM..TO",
    help="Take the cycles that were due in this time out of every figure.",
)
@click.option(
    "--reclassify",
    type=(click.Choice(["loss", "invalid"]), TimeSpan()),
    metavar="loss|invalid FROM..TO",
    help="Decide what could not be told: loss counts, invalid was our own fault.",
)
@click.option("--reason", metavar="TEXT", help="Why it is excluded or reclassified.")
@click.option(
    "--author", "who", metavar="NAME", help="Who says so.  [default: user@host]"
)
@store_options
def annotate(
    *,
    env: str,
    store: str | None,
    config: str | None,
    **given: Any,  # noqa: ANN401
) -> None:
    """Add to the history of ENV what prober cannot know.

    A TEXT alone is a note, `prober annotate prod "deploy v41"`: reports show it beside
    what was lost. With --exclude or --reclassify, which need a --reason, every window
    is worked out anew at once. Nothing is ever changed or removed: what was measured
    stays beside what people decided, with who decided it, and when.

    Times without an offset are UTC. An exclusion may lie ahead: with its date.
    """
    from prober.cli import output

    annotation = _annotation(env, SystemClock().now_ns(), **given)
    with opened(location(store, config)) as history:
        known(history, env)
        added = history.annotate(annotation)
    output.say(_told(added))


def _annotation(
    env: str,
    now_ns: int,
    *,
    text: str | None,
    at: int | None,
    during: tuple[int, int] | None,
    exclude: tuple[int, int] | None,
    reclassify: tuple[str, tuple[int, int]] | None,
    reason: str | None,
    who: str | None,
) -> "Annotation":
    """Return what is to be added; raises UsageError for what does not go together."""
    from prober.history import Annotation
    from prober.records import State

    times = {"--at": at, "--during": during, "--exclude": exclude}
    said = [name for name, value in times.items() if value is not None]
    said += ["--reclassify"] if reclassify else []
    if len(said) > 1:
        raise UsageError(f"give {' or '.join(said)}, one of them")
    decides = exclude is not None or reclassify is not None
    if decides and not reason and not text:
        raise UsageError(f"{said[0]} needs a --reason: it is shown with every figure")
    if not decides and reason:
        raise UsageError("--reason goes with --exclude or --reclassify")
    words = ": ".join(filter(None, (text, reason))).strip()
    if not words:
        raise UsageError('what happened? Give a text: prober annotate ENV "deploy v41"')
    at_ns = now_ns if at is None else at
    from_ns, to_ns = exclude or during or (at_ns, at_ns)
    state = None
    if reclassify is not None:
        state, (from_ns, to_ns) = State(reclassify[0]), reclassify[1]
    return Annotation(
        environment=env,
        kind="exclude" if exclude else "reclassify" if state else "note",
        text=words,
        author=who or author(),
        from_ns=from_ns,
        to_ns=to_ns,
        state=state,
        written_ns=now_ns,
    )


def _told(added: "Annotation") -> str:
    """Say what was added, with its time, so that a wrong one is seen at once."""
    from prober.report.words import harmless
    from prober.units import write_time

    what = {"note": "noted", "exclude": "excluded", "reclassify": "reclassified"}
    when = f"at {write_time(added.from_ns)}"
    if added.to_ns > added.from_ns:
        when = f"from {write_time(added.from_ns)} to {write_time(added.to_ns)}"
    return (
        f"{what[added.kind]} {when} in {added.environment}, "
        f"by {harmless(added.author)}: {harmless(added.text)}"
    )
