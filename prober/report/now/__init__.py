"""Now, as a person needs it at 3 a.m.: what is lost, by whom, whose fault, what to do.

    case        what is known of one environment, and what follows from it
    silence     who has not been heard of
    conditions  how it stands, as one literal table, worst first
    sentences   a line of words for each question
    hints       what to do, as one literal table with its reasons
    model       all of it together: what `prober status` and the page show

Pure functions over the records of `prober.history`; times are Unix nanoseconds.
"""

from prober.report.now.case import Known
from prober.report.now.conditions import Condition
from prober.report.now.model import Line, Now, now, worst_first
from prober.report.now.silence import SILENT_PERIODS, Silence, patience_ns, silent

__all__ = [
    "SILENT_PERIODS",
    "Condition",
    "Known",
    "Line",
    "Now",
    "Silence",
    "now",
    "patience_ns",
    "silent",
    "worst_first",
]
