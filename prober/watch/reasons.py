"""Why cycles ended as they did, in a few words that never change: labels of metrics.

Reasons are sentences with figures and names in them. As labels they would make a new
series each, so each is told by the first row that it begins with.
"""

from collections.abc import Mapping

from prober.bounds import BOUNDS
from prober.records import State

OTHER = "other"

_BEGINNINGS: tuple[tuple[str, str], ...] = (
    # What the ledger's rules say (`prober.ledger.states`), and what voids a cycle.
    ("blind readers", "blind"),
    *((bound.begins, bound.label) for bound in BOUNDS.values()),
    ("positive control", "control"),
    ("exceeded log rate limit", "rate_limit"),
    ("a fault of ours", "own_fault"),
    ("the fates do not add up", "own_fault"),
    ("writer stream broke", "writer_broke"),
    ("the ingress refused", "refused"),
    ("consumer disconnected", "disconnected"),
    ("cut off as a slow consumer", "disconnected"),
    ("not yet subscribed", "not_subscribed"),
    ("ended ", "ended_early"),
    ("no sign that", "no_evidence"),
    ("prober was not able", "behind"),
    ("prober was", "restarted"),
    ("nothing in it", "not_carried"),
)

LABELS: Mapping[State, tuple[str, ...]] = {
    # What is told of each state from the start, at 0.
    State.PASS: ("",),
    State.LOSS: ("lost", "corrupt", "blind"),
    State.INCONCLUSIVE: (
        "disconnected",
        "ended_early",
        "no_evidence",
        "not_subscribed",
        "refused",
        "restarted",
        "writer_broke",
        OTHER,
    ),
    State.INVALID: (
        *sorted(bound.label for bound in BOUNDS.values()),
        "control",
        "own_fault",
        "rate_limit",
        OTHER,
    ),
    State.EXCLUDED: ("not_carried", OTHER),
    State.MISSED: ("behind", OTHER),  # the other reasons are why it was not measured
}


def label(state: State, reason: str, *, lost: int = 0) -> str:
    """Return the label of a cycle's reason; `lost` tells loss from mere damage."""
    told = next((word for start, word in _BEGINNINGS if reason.startswith(start)), "")
    if not told:
        told = ("lost" if lost else "corrupt") if state is State.LOSS else OTHER
    return told if told in LABELS[state] else LABELS[state][-1]
