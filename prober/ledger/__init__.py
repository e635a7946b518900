"""Every message of a cycle has exactly one fate per consumer, and the fates add up.

handed in    rejected | ambiguous | accepted
accepted     on_time + late + corrupt + lost, for each consumer

What the platform counts of itself is kept beside them, as evidence: `platform`.
"""

from prober.ledger.book import Ledger
from prober.ledger.platform import PlatformCounters
from prober.ledger.states import RULES, Finding, judge
from prober.ledger.tally import Deadlines, Fate, Tally, join_spans, spans_of

__all__ = [
    "RULES",
    "Deadlines",
    "Fate",
    "Finding",
    "Ledger",
    "PlatformCounters",
    "Tally",
    "join_spans",
    "judge",
    "spans_of",
]
