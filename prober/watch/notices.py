"""What a daemon tells of itself: a calm line each, or a line of JSON for machines."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from prober.clock import NS
from prober.report.words import harmless

Level = Literal["info", "warning", "error"]
Said = Literal[
    "started",
    "history",
    "open_to_all",
    "stopped",
    "measured",
    "measuring",
    "not_measuring",
    "loss",
    "loss_over",
    "blind",
    "void",
    "missed",
    "store_away",
    "store_back",
    "store_gap",
    "page_away",
    "page_back",
    "reloaded",
    "reload_refused",
    "silent",
    "heard_again",
    "alert",
    "alert_over",
    "alerts_away",
    "alerts_back",
    "unread",
    "read_again",
    "fault",
]

LEVELS: Mapping[Said, Level] = {
    # Whatever costs coverage or budget is a warning; what needs us, an error.
    "started": "info",
    "history": "info",
    "open_to_all": "warning",
    "stopped": "info",
    "measured": "info",
    "measuring": "info",
    "not_measuring": "warning",
    "loss": "warning",
    "loss_over": "info",
    "blind": "warning",
    "void": "warning",
    "missed": "warning",
    "store_away": "warning",
    "store_back": "info",
    "store_gap": "error",
    "page_away": "warning",
    "page_back": "info",
    "reloaded": "info",
    "reload_refused": "error",
    "silent": "warning",
    "heard_again": "info",
    "alert": "warning",
    "alert_over": "info",
    "alerts_away": "error",
    "alerts_back": "info",
    "unread": "warning",
    "read_again": "info",
    "fault": "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that happened, in a sentence, with the figures in it."""

    at_ns: int
    said: Said
    words: str
    environment: str = ""
    """Empty for what concerns the daemon as a whole."""
    figures: Mapping[str, int | float | str] = field(default_factory=dict)


Tell = Callable[[Notice], None]
_COLOURS: Mapping[Level, str] = {"info": "", "warning": "\x1b[33m", "error": "\x1b[31m"}


def teller(stream: TextIO, *, lines: bool, colour: bool = False) -> Tell:
    """Return what writes notices to a stream: lines for people, or JSON.

    What cannot be written (a full disk, a reader that left) is not: no log is worth a
    measurement.
    """
    last: Processor = _line(stream.encoding or "utf-8", colour=colour)
    if not lines:
        last = structlog.processors.JSONRenderer(ensure_ascii=True)
    renamed = structlog.processors.EventRenamer("words")
    log = structlog.wrap_logger(
        structlog.PrintLogger(stream), processors=[renamed, last]
    )

    def tell(notice: Notice) -> None:
        with contextlib.suppress(OSError, ValueError):
            log.msg(notice.words, **_entry(notice))

    return tell


def _entry(notice: Notice) -> dict[str, object]:
    at = datetime.fromtimestamp(notice.at_ns / NS, UTC)
    return {
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": LEVELS[notice.said],
        "said": notice.said,
        **({"environment": notice.environment} if notice.environment else {}),
        **notice.figures,
    }


def _line(encoding: str, *, colour: bool) -> Processor:
    """Return what makes `03:07:12  prod_eu  lost 3 of 300 on rlp` of it."""

    def render(_logger: WrappedLogger, _method: str, entry: EventDict) -> str:
        environment = entry.get("environment", "")
        where = f"{environment}  " if environment else ""
        text = harmless(f"{entry['at'][11:19]}  {where}{entry['words']}", encoding)
        tint = _COLOURS[entry["level"]] if colour else ""
        return f"{tint}{text}\x1b[0m" if tint else text

    return render
