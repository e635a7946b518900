"""What a reader of a result should know of how it was measured."""

from prober.plan import Plan
from prober.records import Kind

RATE_TOLERANCE = 0.95
OVERSIZE = 100_000
"""Bytes of a payload above which Loggregator's own batches get too large for it."""


def cautions(plan: Plan, achieved: float | None) -> list[str]:
    """Return a sentence for each thing that makes a result less than it seems."""
    warnings = []
    if Kind.COUNTER in plan.kinds:
        warnings.append(
            "each stamped counter is a new series to an agent, which forgets all its "
            "totals after 10,000 of them"
        )
    if plan.sizes.high > OVERSIZE:
        warnings.append(
            f"a hundred envelopes of more than {OVERSIZE:,} bytes are more than the "
            "10 MiB that pass between router and reverse log proxy: such batches are "
            "lost there, uncounted"
        )
    # What is withheld has its place in time, too.
    asked = plan.rate and plan.rate * plan.to_send / plan.messages
    if asked and achieved and achieved < RATE_TOLERANCE * asked:
        warnings.append(
            f"{float(asked):,.0f}/s were asked for and {achieved:,.0f}/s achieved: "
            "this machine, or push-back from the pipeline, held the writer up"
        )
    return warnings
