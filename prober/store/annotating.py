"""Adds what people know, and sums up anew, at once, the hours that it changes."""

from sqlalchemy import Connection, select

from prober.errors import UsageError
from prober.history import HOUR_NS, Annotation
from prober.records import State
from prober.store import marks
from prober.store.retention import cycles_from_ns
from prober.store.rollups import sum_again
from prober.store.schema import cycles
from prober.store.writing import lock
from prober.units import write_time


def annotate(connection: Connection, annotation: Annotation) -> Annotation:
    """Add an annotation, and return it with its number; windows follow at once.

    Raises UsageError for one that cannot be, or that comes too late.
    """
    _check(connection, annotation)
    lock(connection, annotation.environment)
    added = marks.add(connection, annotation)
    if annotation.kind != "note":
        asked = select(cycles.c.final_ns).where(
            cycles.c.environment == annotation.environment,
            cycles.c.mode == "continuous",
            cycles.c.state.is_not(None),
            cycles.c.scheduled_ns >= annotation.from_ns,
            cycles.c.scheduled_ns < annotation.to_ns,
        )
        final = connection.execute(asked).scalars()
        starts = {at_ns // HOUR_NS * HOUR_NS for at_ns in final}
        sum_again(connection, annotation.environment, starts)
    return added


def _check(connection: Connection, annotation: Annotation) -> None:
    if len(annotation.text) > marks.MOST_TEXT:
        raise UsageError(f"an annotation has at most {marks.MOST_TEXT:,} characters")
    if annotation.kind == "note":
        return
    if annotation.from_ns >= annotation.to_ns:
        raise UsageError(f"an {annotation.kind} needs a time that is not empty")
    decided = annotation.state in (State.LOSS, State.INVALID)
    if decided is not (annotation.kind == "reclassify"):
        raise UsageError("cycles are reclassified as loss or as invalid")
    kept_ns = cycles_from_ns(connection)
    if annotation.from_ns < kept_ns:
        raise UsageError(
            f"cycles from before {write_time(kept_ns)} are no longer kept one by one: "
            "their hours can only be left as they are"
        )
