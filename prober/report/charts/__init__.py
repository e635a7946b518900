"""Charts as text: inline SVG in two sizes, with the same in words and in a table.

    svg           elements and paths
    scales        from figures to places, and ticks
    frame         sizes, axes, legends, notes
    reliability   what was lost when, against the objective
    burndown      what is left of the error budget, and how long it will last
    budget        the same as one bar
    strip         how the cycles ended, in their order
    heatmap       losses by hour and day
    percentiles   latency over time
    distribution  latency by percentile
    consumers     what each consumer missed, and with whom
    gaps          sizes of gaps against sizes of rings
    intervals     runs, windows or environments side by side

Each chart is a function from a record to a `Chart`. How lines and marks look is said
in `prober/report/style.css`, for reports and for the live page alike.
"""

from prober.report.charts.budget import Spent, budget
from prober.report.charts.burndown import BurnDown, Left, burndown
from prober.report.charts.consumers import Consumers, Missed, consumers
from prober.report.charts.distribution import Distribution, Latencies, distribution
from prober.report.charts.frame import Chart, Note
from prober.report.charts.gaps import Gap, Gaps, gaps
from prober.report.charts.heatmap import HeatMap, Hour, heatmap
from prober.report.charts.intervals import Counted, Intervals, intervals
from prober.report.charts.percentiles import Percentiles, Quantiles, percentiles
from prober.report.charts.reliability import Bound, Reliability, Slice, reliability
from prober.report.charts.strip import Row, Strip, key_of, line_of_states, strip

__all__ = [
    "Bound",
    "BurnDown",
    "Chart",
    "Consumers",
    "Counted",
    "Distribution",
    "Gap",
    "Gaps",
    "HeatMap",
    "Hour",
    "Intervals",
    "Latencies",
    "Left",
    "Missed",
    "Note",
    "Percentiles",
    "Quantiles",
    "Reliability",
    "Row",
    "Slice",
    "Spent",
    "Strip",
    "budget",
    "burndown",
    "consumers",
    "distribution",
    "gaps",
    "heatmap",
    "intervals",
    "key_of",
    "line_of_states",
    "percentiles",
    "reliability",
    "strip",
]
