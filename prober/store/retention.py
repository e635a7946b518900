"""What is kept how long, and the deleting of the rest, a few hours' cycles at a time.

cycles                 95 days     windows of a quarter from single cycles
cycles that lost       13 months   last year's incident beside this year's
hours, and their runs  25 months   this year against the last, month by month
annotations            for ever    why the figures are what they are
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from prober.clock import NS
from prober.history import HOUR_NS
from prober.store.schema import cycles, environments, hours, kept, live, runs
from prober.store.vitals import forget_vitals
from prober.store.writing import put_kept

DAY_NS = 86_400 * NS
CYCLES_NS = 95 * DAY_NS
LOSSY_NS = 395 * DAY_NS
HOURS_NS = 760 * DAY_NS
LIVE_NS = 7 * DAY_NS
"""Of daemons that are gone; what was last said of an environment stays."""
_BATCH_NS = 6 * HOUR_NS
_FROM = "history.cycles_from_ns"

Step = Callable[[Connection], int]


def cycles_from_ns(connection: Connection) -> int:
    """Return since when cycles are kept one by one; 0 as long as all of them are."""
    found = connection.execute(select(kept.c.document).where(kept.c.key == _FROM))
    text = found.scalar()
    return int(text) if text and text.isdecimal() else 0


def steps(now_ns: int) -> tuple[Step, ...]:
    """Return what has to be done, each until it deletes no more."""
    cycles_ns = (now_ns - CYCLES_NS) // HOUR_NS * HOUR_NS
    lossy_ns = (now_ns - LOSSY_NS) // HOUR_NS * HOUR_NS
    hours_ns = (now_ns - HOURS_NS) // HOUR_NS * HOUR_NS
    final = cycles.c.final_ns
    lost = or_(cycles.c.state == "loss", cycles.c.judged == "loss")

    def mark(connection: Connection) -> int:
        if cycles_ns > cycles_from_ns(connection):
            put_kept(connection, _FROM, str(cycles_ns), now_ns)
        return 0

    def old_cycles(connection: Connection) -> int:
        old = and_(final < cycles_ns, or_(~lost, final < lossy_ns))
        return _delete_some(connection, old)

    def old_hours(connection: Connection) -> int:
        connection.execute(delete(hours).where(hours.c.start_ns < hours_ns))
        forget_vitals(connection, hours_ns)
        has_cycles = select(cycles.c.run_id).where(
            cycles.c.environment == runs.c.environment,
            cycles.c.run_id == runs.c.run_id,
        )
        connection.execute(
            delete(runs).where(runs.c.started_ns < hours_ns, ~has_cycles.exists())
        )
        return 0

    def old_words(connection: Connection) -> int:
        later = live.alias()
        newest = (
            select(func.max(later.c.at_ns))
            .where(later.c.environment == live.c.environment)
            .scalar_subquery()
        )
        connection.execute(
            delete(live).where(live.c.at_ns < now_ns - LIVE_NS, live.c.at_ns < newest)
        )
        return 0

    return mark, old_cycles, old_hours, old_words


def _delete_some(connection: Connection, old: ColumnElement[bool]) -> int:
    """Delete what is old within some hours of an environment's oldest; return how many.

    By environment, for that is how the index goes.
    """
    for name in connection.execute(select(environments.c.name)).scalars().all():
        its = and_(cycles.c.environment == name, old)
        asked = select(func.min(cycles.c.final_ns)).where(its)
        oldest = connection.execute(asked).scalar()
        if oldest is not None:
            some = and_(its, cycles.c.final_ns < oldest + _BATCH_NS)
            return connection.execute(delete(cycles).where(some)).rowcount
    return 0
