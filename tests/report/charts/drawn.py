"""One chart of each kind, and how tests read pictures."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from xml.etree.ElementTree import Element, fromstring

from prober.clock import NS
from prober.history import HOUR_NS
from prober.records import State
from prober.report import charts
from prober.report.charts import Chart

START_NS = 1_800_000_000 * NS
SVG = "{http://www.w3.org/2000/svg}"
PAIR = re.compile(r"([ML])(-?[\d.]+) (-?[\d.]+)")


def read(picture: str) -> Element:
    """Return a picture as a reader of XML finds it."""
    return fromstring(picture)  # noqa: S314 - our own


def words(picture: str) -> list[str]:
    """Return the texts that are seen in a picture."""
    return [each.text or "" for each in read(picture).iter(f"{SVG}text")]


def paths(picture: str, class_: str) -> list[str]:
    """Return the paths of a class, the legend's first."""
    found = read(picture).iter(f"{SVG}path")
    return [each.get("d", "") for each in found if each.get("class") == class_]


def slices(*bad: int, total: int = 1_000) -> tuple[charts.Slice, ...]:
    """Return an hour for each count of bad messages; a negative one counts nothing."""
    return tuple(
        charts.Slice(
            from_ns=START_NS + place * HOUR_NS,
            to_ns=START_NS + (place + 1) * HOUR_NS,
            bad=max(each, 0),
            total=total if each >= 0 else 0,
        )
        for place, each in enumerate(bad)
    )


def reliability(*bad: int, **others: object) -> Chart:
    """Return reliability over so many hours against 99.9 %."""
    given = {
        "name": "r",
        "whose": "",
        "slices": slices(*bad),
        "unit": "hour",
        "target": Decimal("0.999"),
        "supports": (charts.Bound(at_ns=START_NS, share=0.97),),
    }
    return charts.reliability(charts.Reliability(**given | others))  # type: ignore[arg-type]


def burndown(*shares: float, gone_ns: int | None = None) -> Chart:
    """Return a budget of which these shares were left, from hour to hour."""
    to_ns = START_NS + len(shares) * HOUR_NS
    course = tuple(
        charts.Left(at_ns=START_NS + place * HOUR_NS, share=share)
        for place, share in enumerate(shares)
    )
    data = charts.BurnDown(
        name="b",
        whose="",
        from_ns=START_NS,
        to_ns=to_ns,
        course=course,
        left=Fraction(str(shares[-1])),
        ends_ns=to_ns,
        gone_ns=gone_ns,
    )
    return charts.burndown(data)


def strip(*rows: str) -> Chart:
    """Return cycles by state, a letter each: `.#?x-_`, and a space for none."""
    letters = {
        ".": State.PASS,
        "#": State.LOSS,
        "?": State.INCONCLUSIVE,
        "x": State.INVALID,
        "-": State.EXCLUDED,
        "_": State.MISSED,
    }
    found = tuple(tuple(map(letters.get, row)) for row in rows)
    return charts.strip(
        charts.Strip(
            name="s",
            rows=tuple(
                charts.Row(
                    name=f"consumer {place}",
                    states=states,
                    counts={state: states.count(state) for state in State},
                )
                for place, states in enumerate(found)
            ),
            unit="cycle",
            times=None,
        )
    )


def heatmap(days: int, bad: Mapping[int, int]) -> Chart:
    """Return days of 1,000 messages an hour of which some were bad in some hours."""
    first = START_NS - START_NS % (24 * HOUR_NS)
    hours = tuple(
        charts.Hour(start_ns=first + h * HOUR_NS, bad=bad.get(h, 0), total=1_000)
        for h in range(24 * days)
    )
    return charts.heatmap(charts.HeatMap(name="h", whose="", hours=hours))


def percentiles(*seconds: float | None) -> Chart:
    """Return hours in which all percentiles were the same."""
    found = tuple(
        charts.Quantiles(
            from_ns=START_NS + place * HOUR_NS,
            to_ns=START_NS + (place + 1) * HOUR_NS,
            seconds=(each,) * 4,
        )
        for place, each in enumerate(seconds)
    )
    data = charts.Percentiles(name="p", whose="", slices=found, late_after=5.0)
    return charts.percentiles(data)


def distribution(*buckets: tuple[float, int]) -> Chart:
    """Return how latencies of one consumer are distributed."""
    one = charts.Latencies(consumer="rlp", buckets=buckets)
    data = charts.Distribution(name="d", consumers=(one,), late_after=5.0)
    return charts.distribution(data)


def consumers(*missed: tuple[int, int, int]) -> Chart:
    """Return what consumers missed: by all, by some, by one alone."""
    found = tuple(
        charts.Missed(consumer=f"consumer {n}", by_all=a, by_some=s, alone=o)
        for n, (a, s, o) in enumerate(missed)
    )
    data = charts.Consumers(name="c", messages=10_000, consumers=found)
    return charts.consumers(data)


def gaps(*found: tuple[int, int, int | None]) -> Chart:
    """Return gaps of a size, so often, and of which ring they are multiples."""
    given = tuple(charts.Gap(size=s, times=t, ring=r) for s, t, r in found)
    rings = {1_000: ("router",), 10_000: ("agent", "router")}
    return charts.gaps(charts.Gaps(name="g", gaps=given, rings=rings))


def budget(consumed: str, if_unseen: str) -> Chart:
    """Return a budget of a hundred messages."""
    return charts.budget(
        charts.Spent(
            name="m",
            allowed=Fraction(100),
            consumed=Fraction(consumed),
            if_unseen=Fraction(if_unseen),
        )
    )


def intervals(*found: tuple[int, int, float, float]) -> Chart:
    """Return bad of total with the ends of the interval, side by side."""
    counted = tuple(
        charts.Counted(label=f"run {n}", bad=b, total=t, lower=low, upper=high)
        for n, (b, t, low, high) in enumerate(found)
    )
    data = charts.Intervals(
        name="i", title="Side by side", counted=counted, target=Decimal("0.99")
    )
    return charts.intervals(data)


MADE: Mapping[str, Callable[[], Chart]] = {
    "reliability": lambda: reliability(0, 0, 7, 0, -1, 1_000),
    "reliability of nothing": lambda: reliability(-1, -1),
    "burndown": lambda: burndown(1, 0.7, gone_ns=START_NS + 20 * HOUR_NS),
    "burndown overspent": lambda: burndown(1, -19),
    "strip": lambda: strip("..#?x-_ ", "........"),
    "heatmap": lambda: heatmap(30, {5: 1, 77: 20, 300: 1_000}),
    "heatmap of a week": lambda: heatmap(7, {5: 1}),
    "heatmap of a quarter": lambda: heatmap(90, {5: 1}),
    "percentiles": lambda: percentiles(0.001, 0.2, None, 0.002),
    "reliability of a bad month": lambda: reliability(
        *(1 + 7 * hour % 977 for hour in range(720))
    ),
    "heatmap of a bad month": lambda: heatmap(
        30, {hour: 1 + 7 * hour % 977 for hour in range(720)}
    ),
    "percentiles of a restless month": lambda: percentiles(
        *(0.001 * (1 + 7 * hour % 31) ** 2 for hour in range(720))
    ),
    "percentiles of nothing": lambda: percentiles(None, None),
    "distribution": lambda: distribution((0.001, 900), (0.01, 99), (2.0, 1)),
    "consumers": lambda: consumers((3, 1, 7), (3, 1, 0), (3, 0, 0)),
    "consumers that lost nothing": lambda: consumers((0, 0, 0), (0, 0, 0)),
    "gaps": lambda: gaps((3, 9, None), (1_000, 2, 1_000), (2_000, 1, 1_000)),
    "budget": lambda: budget("0.3", "0.5"),
    "budget overspent": lambda: budget("20", "25"),
    "budget untouched": lambda: budget("0", "0"),
    "intervals": lambda: intervals(
        (3, 1_000, 0.001, 0.02), (0, 9_000, 0.0, 0.001), (0, 0, 0.0, 1.0)
    ),
}
"""Each kind, and its odd cases."""
