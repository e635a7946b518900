"""From what is asked for to what one run is to do."""

import secrets
from typing import TYPE_CHECKING

from prober.cli import values
from prober.cli.options import Options
from prober.ledger import Deadlines
from prober.plan import Plan
from prober.probe.job import Job
from prober.stamp import RUN_ALPHABET, RUN_WIDTH

if TYPE_CHECKING:
    from prober.cli.resolving import Target

_CYCLES = 100
_LEAST_CYCLE = 100


def job_of(options: Options, target: "Target") -> Job:
    """Return what is to be done; raises UsageError for a plan that cannot be."""
    messages, cycles = options.messages, options.cycles
    if options.until_decided:
        messages = options.max_messages
        # What is bet on is a block of at least a worst burst: no need for less.
        cycles = max(1, messages // max(options.worst_burst, _LEAST_CYCLE))
    plan = Plan(
        messages=messages,
        cycles=cycles or min(_CYCLES, messages),
        rate=options.rate,
        sizes=options.size,
        kinds=values.kinds(options.kind),
        source_id=options.source_id,
        seed=secrets.randbits(32) if options.seed is None else options.seed,
        control=options.control,
    )
    return Job(
        run_id="".join(secrets.choice(RUN_ALPHABET) for _ in range(RUN_WIDTH)),
        environment=target.name,
        plan=plan,
        deadlines=Deadlines(
            late_after_ns=options.late_after,
            lost_after_ns=options.lost_after or options.late_after,
        ),
        whole_firehose=options.whole_firehose,
        max_send_ns=options.max_duration,
        at_most=options.until_decided or bool(options.command),
    )
