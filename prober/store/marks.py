"""What people add to history, and what it does to the cycles of its time."""

from dataclasses import replace

from sqlalchemy import Connection, insert, select

from prober.history import Annotation
from prober.store.codecs import annotation_of, storable
from prober.store.schema import annotations

MOST_TEXT = 2_000


def add(connection: Connection, annotation: Annotation) -> Annotation:
    """Add an annotation; return it as it was written, with its number."""
    annotation = replace(
        annotation,
        text=storable(annotation.text),
        author=storable(annotation.author),
    )
    values = {
        name: getattr(annotation, name)
        for name in Annotation.__slots__
        if name not in ("number", "state")
    }
    state = None if annotation.state is None else annotation.state.value
    statement = insert(annotations).values(**values, state=state)
    key = connection.execute(statement).inserted_primary_key
    assert key is not None  # noqa: S101 - the table has one
    return replace(annotation, number=key[0])


def decisions(
    connection: Connection,
    environment: str,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> list[Annotation]:
    """Return what decides the states of cycles due in a time, by default at any."""
    statement = select(annotations).where(
        annotations.c.environment == environment,
        annotations.c.kind.in_(("exclude", "reclassify")),
    )
    if from_ns is not None and to_ns is not None:
        statement = statement.where(
            annotations.c.to_ns > from_ns, annotations.c.from_ns <= to_ns
        )
    return [annotation_of(row) for row in connection.execute(statement)]
