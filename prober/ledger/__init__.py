"""Every message of a cycle has exactly one fate per consumer, and the fates add up.

handed in    rejected | ambiguous | accepted
accepted     on_time + late + corrupt + lost, for each consumer
"""

from prober.ledger.book import Ledger
from prober.ledger.states import RULES, Finding, judge
from prober.ledger.tally import Deadlines, Fate, Tally, join_spans, spans_of

__all__ = [
    "RULES",
    "Deadlines",
    "Fate",
    "Finding",
    "Ledger",
    "Tally",
    "join_spans",
    "judge",
    "spans_of",
]
