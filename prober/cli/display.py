"""What a person sees while a probe runs: a calm live line, or plain ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from prober.probe.job import Observer, Phase, Progress

_PHASES = {
    Phase.PRIMING: "priming",
    Phase.SENDING: "sending",
    Phase.DRAINING: "waiting for the tail",
}
_NARROW = 72


@contextmanager
def watching(console: Console) -> Iterator[Observer]:
    """Yield what shows the progress of a probe on a console while the block runs."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, transient=True, refresh_per_second=10) as live:
        yield lambda progress: live.update(_picture(progress, console.width))


class _Lines:
    """Tells each phase once: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: Phase | None = None

    def __call__(self, progress: Progress) -> None:
        """Show progress."""
        if progress.phase is self._told:
            return
        self._told = progress.phase
        words = _PHASES[progress.phase]
        if progress.phase is Phase.SENDING:
            words += f" {progress.planned:,} messages"
        elif progress.phase is Phase.DRAINING:
            words += f": {_in_flight(progress)}"
        self._console.print(Text(words))


def _in_flight(progress: Progress) -> str:
    """How many are on their way to each consumer."""
    missing = (
        f"{progress.sent - received:,} in flight to {name}"
        for name, received in progress.received.items()
    )
    return ", ".join(missing)


def _picture(progress: Progress, width: int) -> Table:
    """A bar a consumer, below a line that tells phase and time."""
    head = f"{_PHASES[progress.phase]} · {progress.seconds:.0f} s"
    if progress.rate is not None:
        head += f" · {progress.rate:,.0f}/s"
    if progress.seconds_left is not None:
        head += f" · at most {progress.seconds_left:.0f} s more"
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    bar = None if width < _NARROW else max(10, min(40, width - 62))
    rows = {"sent": progress.sent, **progress.received}
    for name, count in rows.items():
        figures = Text(f"{count:,} of {progress.planned:,}", style="bold")
        if name != "sent":
            missing, lag = progress.sent - count, progress.lag_seconds[name]
            words = f"  {missing:,} in flight, {lag * 1000:.0f} ms behind"
            figures.append(words, style="not bold dim")
        if bar:
            done = ProgressBar(total=progress.planned, completed=count, width=bar)
            table.add_row(Text(name), done, figures)
        else:
            table.add_row(Text(name), figures)
    whole = Table.grid()
    whole.add_row(Text(head, style="cyan"))
    whole.add_row(table)
    return whole
