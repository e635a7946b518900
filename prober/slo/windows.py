"""Windows of time that a budget is for: the last so many days, or a calendar's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from prober.clock import NS
from prober.slo.cycles import Cycle

Unit = Literal["week", "month", "quarter", "year"]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time, in Unix nanoseconds, without its end."""

    start_ns: int
    end_ns: int

    def select(self, cycles: Iterable[Cycle]) -> list[Cycle]:
        """Return the cycles that became final in the window, and belong to it."""
        return [c for c in cycles if self.start_ns <= c.final_ns < self.end_ns]

    def planned(self, *, every_ns: int, messages: int) -> int:
        """Return the messages of all cycles that the whole window has room for."""
        return (self.end_ns - self.start_ns) // every_ns * messages


def rolling(now_ns: int, length_ns: int) -> Window:
    """Return the window of the last `length_ns`, with now in it."""
    return Window(start_ns=now_ns + 1 - length_ns, end_ns=now_ns + 1)


def calendar(now_ns: int, unit: Unit, zone: tzinfo) -> Window:
    """Return the calendar week (from Monday), month, quarter or year that holds now.

    Its days begin at midnight in `zone`, whatever daylight saving makes of them.
    """
    day = datetime.fromtimestamp(now_ns // NS, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    if unit == "week":
        start = day - timedelta(days=day.weekday())
        return _between(start, start + timedelta(days=7))
    months = _MONTHS[unit]
    start = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    after = start.month - 1 + months
    end = start.replace(year=start.year + after // 12, month=after % 12 + 1)
    return _between(start, end)


def _between(start: datetime, end: datetime) -> Window:
    return Window(
        start_ns=round(start.timestamp()) * NS, end_ns=round(end.timestamp()) * NS
    )
