"""The first schema: runs, cycles, hours, annotations, live rows, kept state."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STATES = ("pass", "loss", "inconclusive", "invalid", "excluded", "missed")
_COUNTS = (
    "attempted",
    "rejected",
    "ambiguous",
    "accepted",
    "on_time",
    "late",
    "corrupt",
    "lost",
    "duplicates",
    "unexplained",
    "other_runs",
    "after_deadline",
    "not_expected",
    "reordered",
)


def _texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=null) for name in names]


def _bigs(*names: str, null: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=null) for name in names]


def _packed(*names: str) -> list[sa.Column[bytes]]:
    return [sa.Column(name, sa.LargeBinary, nullable=True) for name in names]


def upgrade() -> None:
    """Make every table and index."""
    op.create_table(
        "environments",
        *_texts("name"),
        *_bigs("first_ns", null=True),
        sa.PrimaryKeyConstraint("name"),
    )
    _runs()
    _cycles()
    op.create_table(
        "hours",
        *_texts("environment", "consumer"),
        *_bigs("start_ns", *(f"in_{state}" for state in _STATES), *_COUNTS),
        *_bigs("unseen", "unsure", "uncounted", "planned"),
        *_bigs("lossy_cycles", "largest_loss"),
        *_packed("latency"),
        sa.PrimaryKeyConstraint("environment", "consumer", "start_ns"),
    )
    _annotations()
    op.create_table(
        "live",
        *_texts("environment", "daemon"),
        *_bigs("at_ns"),
        *_texts("document"),
        sa.PrimaryKeyConstraint("environment", "daemon"),
    )
    op.create_table(
        "kept",
        *_texts("key", "document"),
        *_bigs("updated_ns"),
        sa.PrimaryKeyConstraint("key"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        *_texts("run_id", "environment", "mode"),
        *_bigs("started_ns"),
        *_bigs("ended_ns", null=True),
        sa.Column("partial", sa.Boolean, nullable=False),
        *_bigs("seed"),
        *_texts("version", "daemon"),
        *_bigs("every_ns", null=True),
        *_texts("target", null=True),
        *_bigs("window_ns", null=True),
        *_bigs("worst_burst"),
        *_texts("plan", "written_to", "consumers"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("ix_runs_environment", "runs", ["environment", "started_ns"])


def _cycles() -> None:
    op.create_table(
        "cycles",
        *_texts("environment", "run_id"),
        *_bigs("number"),
        *_texts("consumer", "mode"),
        *_bigs("scheduled_ns"),
        *_bigs("first_sent_ns", "last_sent_ns", "final_ns", null=True),
        *_bigs("planned"),
        *_texts("state", "judged", null=True),
        *_texts("reason"),
        *_bigs(*_COUNTS),
        *_packed("latency", "gaps", "platform"),
        sa.PrimaryKeyConstraint("environment", "run_id", "number", "consumer"),
    )
    op.create_index("ix_cycles_scheduled", "cycles", ["environment", "scheduled_ns"])
    op.create_index("ix_cycles_final", "cycles", ["environment", "final_ns"])
    for name, where in (
        ("ix_cycles_not_passed", "mode = 'continuous' AND judged != 'pass'"),
        ("ix_cycles_open", "state IS NULL"),
    ):
        op.create_index(
            name,
            "cycles",
            ["environment", "final_ns"],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def _annotations() -> None:
    op.create_table(
        "annotations",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        *_texts("environment", "kind", "text", "author"),
        *_bigs("from_ns", "to_ns"),
        *_texts("state", null=True),
        *_bigs("written_ns"),
    )
    op.create_index(
        "ix_annotations_environment", "annotations", ["environment", "from_ns"]
    )
