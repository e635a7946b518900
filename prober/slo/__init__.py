"""Honest nines: ratios, intervals, budgets, burn rates and verdicts, from counts.

    tallies, targets, words    bad of total, an objective, and both for people
    cycles, summaries          what one consumer's cycles say, and a window, summed up
    verdicts, claims, exits    was it met, what does it prove, how to leave
    blocking, intervals        what is independent of the rest, and what it supports
    diagnostics                why not more
    betting, planner           deciding early, and planning ahead
    budgets, windows           what is left of the error budget, and of which
    burn, alerts               when to page
    consumers, regressions     side by side, before and after
    objectives                 what could be promised

Pure functions: integers in, floats or None out. Nothing here reads a clock, draws lots
or does I/O.
"""

from prober.slo.alerts import Alert, Record, evaluate
from prober.slo.betting import Sequential, sequential
from prober.slo.blocking import auto_worst_burst, blocks, independent
from prober.slo.budgets import (
    Budget,
    budget,
    budget_of,
    burn_rate,
    max_burn_rate,
    ratio_timeslices,
    time_to_exhaustion,
    timeslices,
)
from prober.slo.burn import Rule, burn_rules, cycles_to_fire, refusal, usable
from prober.slo.claims import Claim, claim, claim_early
from prober.slo.consumers import Across, across, across_run
from prober.slo.cycles import (
    Cycle,
    Evidence,
    evidence,
    evidence_of,
)
from prober.slo.diagnostics import Diagnostics, Naive, diagnose, naive
from prober.slo.exits import exit_code
from prober.slo.intervals import Interval, interval, supported
from prober.slo.objectives import Recommendation, recommend
from prober.slo.planner import Plan, messages_for, plan
from prober.slo.regressions import Regression, regression
from prober.slo.summaries import Summary, evidence_of_hours
from prober.slo.tallies import Tally, nines, sli, stream_availability
from prober.slo.targets import parse_target
from prober.slo.verdicts import Verdict, verdict
from prober.slo.windows import Window, calendar, rolling
from prober.slo.words import (
    format_duration,
    format_loss,
    format_nines,
    format_p,
    format_ratio,
    format_share,
    format_target,
    many,
    one_in,
    were,
)

__all__ = [
    "Across",
    "Alert",
    "Budget",
    "Claim",
    "Cycle",
    "Diagnostics",
    "Evidence",
    "Interval",
    "Naive",
    "Plan",
    "Recommendation",
    "Record",
    "Regression",
    "Rule",
    "Sequential",
    "Summary",
    "Tally",
    "Verdict",
    "Window",
    "across",
    "across_run",
    "auto_worst_burst",
    "blocks",
    "budget",
    "budget_of",
    "burn_rate",
    "burn_rules",
    "calendar",
    "claim",
    "claim_early",
    "cycles_to_fire",
    "diagnose",
    "evaluate",
    "evidence",
    "evidence_of",
    "evidence_of_hours",
    "exit_code",
    "format_duration",
    "format_loss",
    "format_nines",
    "format_p",
    "format_ratio",
    "format_share",
    "format_target",
    "independent",
    "interval",
    "many",
    "max_burn_rate",
    "messages_for",
    "naive",
    "nines",
    "one_in",
    "parse_target",
    "plan",
    "ratio_timeslices",
    "recommend",
    "refusal",
    "regression",
    "rolling",
    "sequential",
    "sli",
    "stream_availability",
    "supported",
    "time_to_exhaustion",
    "timeslices",
    "usable",
    "verdict",
    "were",
]
