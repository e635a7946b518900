"""How much an agent's own counters grew, from what it serves for Prometheus.

There nothing is lost on the way: totals come, and an agent that was restarted counts
from 0 again. What it dropped between the last look and its end is in no total.
"""

from collections.abc import Mapping

from prober.records import PlatformIncrease

OWN_AGENT = "own agent"
"""One that we write to; `agent` is any, as far as the Firehose tells of them."""
EXPIRED = "egress_expired_total"
COUNTERS = ("dropped", EXPIRED)
"""Those that tell of loss, of an agent and of a forwarder agent."""
Labels = frozenset[tuple[str, str]]
Totals = Mapping[tuple[str, Labels], int]
"""What one look finds, by counter and labels."""


class ScrapedCounters:
    """Keeps the increase of every series of one agent, whose address is `instance`."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._previous: dict[tuple[str, Labels], int] = {}
        self._grown: dict[tuple[str, Labels], int] = {}
        self._from_ns: int | None = None
        self._to_ns = 0

    def take(self, totals: Totals, at_ns: int) -> None:
        """Take in what is there now; what there was at first is none of ours."""
        for series, total in totals.items():
            first = total if self._from_ns is None else 0
            previous = self._previous.get(series, first)
            grown = total - previous if total >= previous else total
            self._grown[series] = self._grown.get(series, 0) + grown
            self._previous[series] = total
        self._from_ns = at_ns if self._from_ns is None else self._from_ns
        self._to_ns = at_ns

    def increases(self) -> tuple[PlatformIncrease, ...]:
        """Return what every series grew by between the first look and the last."""
        return tuple(
            PlatformIncrease(
                component=OWN_AGENT,
                instance=self._instance,
                counter=counter,
                direction=_direction(counter, labels),
                increase=self._grown[counter, labels],
                from_ns=self._from_ns or 0,
                to_ns=self._to_ns,
                silent_ns=0,
            )
            for counter, labels in sorted(self._grown, key=_order)
        )


def _order(series: tuple[str, Labels]) -> tuple[str, list[tuple[str, str]]]:
    counter, labels = series
    return counter, sorted(labels)


def _direction(counter: str, labels: Labels) -> str:
    return "egress" if counter == EXPIRED else dict(labels).get("direction", "")
