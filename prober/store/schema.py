"""The tables of history, one definition for SQLite and PostgreSQL.

Everything that is a time or a count is a BIGINT: nanoseconds do not fit into less.
Documents that are read as a whole are JSON; histograms and lost ranges are packed (see
`prober.store.codecs`).
"""

import dataclasses

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
)

from prober.records import Counts, State

SCHEMA_VERSION = "0001"
# 0001  runs, cycles, hours, annotations, live rows, kept state

COUNTS = tuple(each.name for each in dataclasses.fields(Counts))
STATES = tuple(state.value for state in State)

metadata = MetaData()


def _big(name: str, *, nullable: bool = False, key: bool = False) -> Column[int]:
    return Column(
        name, BigInteger, nullable=nullable, primary_key=key, autoincrement=False
    )


def _text(name: str, *, nullable: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, primary_key=key)


environments = Table(
    # One row for each that was ever written; who writes one holds a lock on its row.
    "environments",
    metadata,
    _text("name", key=True),
    _big("first_ns", nullable=True),  # when its first continuous cycle was due
)

runs = Table(
    "runs",
    metadata,
    _text("run_id", key=True),
    _text("environment"),
    _text("mode"),
    _big("started_ns"),
    _big("ended_ns", nullable=True),
    Column("partial", Boolean, nullable=False),
    _big("seed"),
    _text("version"),
    _text("daemon"),
    _big("every_ns", nullable=True),
    _text("target", nullable=True),
    _big("window_ns", nullable=True),
    _big("worst_burst"),
    _text("plan"),
    _text("written_to"),
    _text("consumers"),
    Index("ix_runs_environment", "environment", "started_ns"),
)

cycles = Table(
    # One row for a cycle and a consumer; `judged` is `state` as people decided.
    "cycles",
    metadata,
    _text("environment", key=True),
    _text("run_id", key=True),
    _big("number", key=True),
    _text("consumer", key=True),
    _text("mode"),
    _big("scheduled_ns"),
    _big("first_sent_ns", nullable=True),
    _big("last_sent_ns", nullable=True),
    _big("final_ns", nullable=True),
    _big("planned"),
    _text("state", nullable=True),
    _text("judged", nullable=True),
    _text("reason"),
    *(_big(name) for name in COUNTS),
    Column("latency", LargeBinary, nullable=True),
    Column("gaps", LargeBinary, nullable=True),
    Column("platform", LargeBinary, nullable=True),
)

_continuous = cycles.c.mode == "continuous"
Index("ix_cycles_scheduled", cycles.c.environment, cycles.c.scheduled_ns)
Index("ix_cycles_final", cycles.c.environment, cycles.c.final_ns)
for _name, _where in {
    # Few rows of many: what was no PASS, and what is not final yet.
    "ix_cycles_not_passed": and_(_continuous, cycles.c.judged != "pass"),
    "ix_cycles_open": cycles.c.state.is_(None),
}.items():
    Index(
        _name,
        cycles.c.environment,
        cycles.c.final_ns,
        sqlite_where=_where,
        postgresql_where=_where,
    )

hours = Table(
    # The adjudicated, continuous cycles of an hour, summed when they are written.
    "hours",
    metadata,
    _text("environment", key=True),
    _text("consumer", key=True),
    _big("start_ns", key=True),
    *(_big(f"in_{state}") for state in STATES),
    *(_big(name) for name in COUNTS),
    _big("unseen"),
    _big("unsure"),
    _big("uncounted"),
    _big("planned"),
    _big("lossy_cycles"),
    _big("largest_loss"),
    Column("latency", LargeBinary, nullable=True),
)

annotations = Table(
    # Only ever added to.
    "annotations",
    metadata,
    Column(
        # SQLite numbers rows of its own accord only where the key is an INTEGER.
        "number",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    _text("environment"),
    _text("kind"),
    _text("text"),
    _text("author"),
    _big("from_ns"),
    _big("to_ns"),
    _text("state", nullable=True),
    _big("written_ns"),
    Index("ix_annotations_environment", "environment", "from_ns"),
)

live = Table(
    # What each daemon is doing with each environment now.
    "live",
    metadata,
    _text("environment", key=True),
    _text("daemon", key=True),
    _big("at_ns"),
    _text("document"),
)

kept = Table(
    # What has to survive a restart, by key: alerts, and how far history reaches back.
    "kept",
    metadata,
    _text("key", key=True),
    _text("document"),
    _big("updated_ns"),
)
