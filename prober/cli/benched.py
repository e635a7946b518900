"""A bench as people see it: a calm line while it goes on, and a table."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prober.bench.ends import Case
from prober.bench.results import Bench, Result
from prober.bench.suite import SHARE
from prober.report import words

_READERS = {"rlp": "rlp", "rlp_gateway": "rlp gateway", "firehose": "firehose"}
_NARROW = 76
_LEFT = ("name", "reader", "tls")


@contextmanager
def watching(
    cases: Sequence[Case], console: Console
) -> Iterator[Callable[[Result], None]]:
    """Yield what is told of each result: a line that moves, or a line each."""
    done = 0
    if not console.is_terminal:

        def tell(result: Result) -> None:
            nonlocal done
            line = f"{cases[done]}: {words.rate(result.envelopes_per_second)}"
            console.print(Text(line), soft_wrap=True)
            done += 1

        yield tell
        return
    with console.status(_now(cases, done)) as status:

        def move(_: Result) -> None:
            nonlocal done
            done += 1
            status.update(_now(cases, done))

        yield move


def _now(cases: Sequence[Case], done: int) -> Text:
    if done == len(cases):
        return Text("done")
    return Text(f"measuring {cases[done]} ({done + 1} of {len(cases)})")


def show(bench: Bench, console: Console) -> None:
    """Write the table, and what may be concluded from it."""
    if bench.results:
        console.print(_table(bench.results, narrow=console.width < _NARROW))
        console.print()
    narrow = console.width < _NARROW
    for line in lines(bench, floors=not narrow):
        style = "bold" if line.startswith("trust") else ""
        console.print(Text(words.harmless(line, console.encoding), style=style))


def _table(results: Sequence[Result], *, narrow: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("")
    table.add_column("reader")
    table.add_column("TLS")
    heads = ["envelopes/s", "CPU s/million"]
    if not narrow:
        heads += ["memory", "p50", "p99"]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for result in results:
        reader = "-" if result.name == "send" else _READERS[result.reader]
        row = [
            result.name,
            reader,
            "yes" if result.tls else "no",
            f"{result.envelopes_per_second:,.0f}",
            f"{result.cpu_seconds_per_million:.2f}",
        ]
        if not narrow:
            floor = result.latency_seconds
            row.append(f"{result.rss_mb:,.0f} MB")
            row.append(words.duration(floor.p50) if floor else "")
            row.append(words.duration(floor.p99) if floor else "")
        table.add_row(*row)
    return table


def lines(bench: Bench, *, floors: bool = True) -> Iterator[str]:
    """Yield what stands below the table, and what its latencies are, if it has them."""
    trusted = {
        name: rate for name in _READERS if (rate := bench.trust_up_to(name)) is not None
    }
    if bench.partial:
        yield "interrupted: what is missing was not measured, and nothing is remembered"
    for name, rate in trusted.items():
        through = "" if name == "rlp" else f" through the {_READERS[name]}"
        yield f"trust readings up to {rate:,.0f} messages/s{through}"
    paced = {
        r.latency_seconds.at_rate for r in bench.results if r.latency_seconds and r.tls
    }
    if floors and paced:
        rates = " and ".join(f"{each:,.0f}/s" for each in sorted(paced, reverse=True))
        yield (
            "p50, p99: send to receive, where the pipeline takes next to no time, at "
            f"{rates}"
        )
    if trusted:
        yield (
            f"trusted is at most {SHARE:.0%} of the slower of receive and both, halved "
            "until a probe at that rate keeps its schedule and its cycles stay valid"
        )
    machine = bench.machine
    held = "" if bench.pinned is None else f", held to CPU {bench.pinned}"
    yield (
        f"{machine.cpu}, {words.many(machine.cpus, 'CPU')}{held}; Python "
        f"{machine.python}, gRPC {machine.grpc}, prober {machine.prober}; "
        f"{bench.seconds:g} s each"
    )
