"""Cycles that nobody measured: those due while nobody ran, and those left open."""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select, update

from prober.clock import NS
from prober.history import CycleRecord, RunRecord
from prober.records import State
from prober.store.codecs import cycle_of
from prober.store.reading import live_words, runs_by_id
from prober.store.schema import cycles, runs
from prober.store.writing import put_cycles

KILLED = "prober was killed or restarted while the cycle was open"
STALE_NS = 300 * NS
"""A daemon that said nothing for so long is gone: it speaks every few seconds."""
UNOWNED = ""
"""The run of cycles that no run began; their number is the time they were due."""


def missed(
    environment: str,
    due_ns: Sequence[int],
    *,
    every_ns: int,
    planned: int,
    consumers: Collection[str],
    reason: str,
) -> Iterator[CycleRecord]:
    """Yield what stands for cycles that were due, and that nobody began."""
    for at_ns in due_ns:
        for consumer in consumers:
            yield CycleRecord(
                environment=environment,
                mode="continuous",
                run_id=UNOWNED,
                index=at_ns,
                consumer=consumer,
                scheduled_ns=at_ns,
                first_sent_ns=None,
                last_sent_ns=None,
                final_ns=at_ns + every_ns,
                planned=planned,
                state=State.MISSED,
                reason=reason,
            )


def mend(connection: Connection, environment: str, *, daemon: str, now_ns: int) -> int:
    """Close what daemons that are gone left open, as inconclusive; return how many."""
    rows = connection.execute(
        select(cycles).where(
            cycles.c.environment == environment, cycles.c.state.is_(None)
        )
    )
    found = [cycle_of(row) for row in rows]
    if not found:
        return 0
    of_run = runs_by_id(connection, {cycle.run_id for cycle in found})
    heard = {word.daemon: word.at_ns for word in live_words(connection, [environment])}
    left = []
    for cycle in found:
        run = of_run.get(cycle.run_id)
        owner = "" if run is None else run.daemon
        heard_ns = max(heard.get(owner, 0), cycle.scheduled_ns)
        if gone(owner, heard_ns=heard_ns, daemon=daemon, now_ns=now_ns):
            left.append(_left_open(cycle, run, now_ns))
    ended = {cycle.run_id for cycle in left}
    connection.execute(
        update(runs)
        .where(runs.c.run_id.in_(ended), runs.c.ended_ns.is_(None))
        .values(partial=True)
    )
    return put_cycles(connection, left)


def _left_open(cycle: CycleRecord, run: RunRecord | None, now_ns: int) -> CycleRecord:
    """Return the cycle as it would have ended: windows are not to move it to now."""
    took_ns = 0 if run is None else (run.every_ns or 0) + run.plan.lost_after_ns
    final_ns = min(now_ns, cycle.scheduled_ns + took_ns) if took_ns else now_ns
    return replace(cycle, state=State.INCONCLUSIVE, reason=KILLED, final_ns=final_ns)


def gone(owner: str, *, heard_ns: int, daemon: str, now_ns: int) -> bool:
    """Tell whether a daemon, `host:process`, is no more, as `daemon` begins.

    It is if it has our own name, if it was a process of this host that does not run,
    or if it was not heard of for some minutes.
    """
    if owner == daemon or now_ns - heard_ns > STALE_NS:
        return True
    host, _, process = owner.rpartition(":")
    if host != daemon.rpartition(":")[0] or not process.isdecimal():
        return False
    with contextlib.suppress(PermissionError, OverflowError):
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
    return False
