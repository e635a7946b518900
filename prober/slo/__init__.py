"""Honest nines: ratios, intervals, budgets, burn rates and verdicts, from counts.

Pure functions: integers in, floats or None out. Nothing here reads a clock, draws lots
or does I/O.
"""

from prober.slo.claims import Claim, claim
from prober.slo.cycles import Cycle, Evidence, evidence, evidence_of
from prober.slo.exits import exit_code
from prober.slo.intervals import Interval, auto_worst_burst, blocks, interval
from prober.slo.tallies import Tally, nines, sli, stream_availability
from prober.slo.targets import parse_target
from prober.slo.verdicts import Verdict, verdict
from prober.slo.words import (
    format_loss,
    format_nines,
    format_ratio,
    format_share,
    format_target,
    one_in,
)

__all__ = [
    "Claim",
    "Cycle",
    "Evidence",
    "Interval",
    "Tally",
    "Verdict",
    "auto_worst_burst",
    "blocks",
    "claim",
    "evidence",
    "evidence_of",
    "exit_code",
    "format_loss",
    "format_nines",
    "format_ratio",
    "format_share",
    "format_target",
    "interval",
    "nines",
    "one_in",
    "parse_target",
    "sli",
    "stream_availability",
    "verdict",
]
