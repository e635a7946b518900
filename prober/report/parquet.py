"""Parquet for notebooks and warehouses: the rows of the CSV file, with their types."""

import io
from itertools import chain

import pyarrow as pa
from pyarrow import parquet

from prober.report.csv import parts
from prober.report.formats import Rows, Subject


def render(subject: Subject | Rows) -> bytes:
    """Return the rows of a subject as a Parquet file, compressed with zstd."""
    tables = (
        pa.Table.from_pandas(each, preserve_index=False) for each in parts(subject)
    )
    first = next(tables)
    sink = io.BytesIO()
    with parquet.ParquetWriter(sink, first.schema, compression="zstd") as file:
        for each in chain([first], tables):
            file.write_table(each)
    return sink.getvalue()
