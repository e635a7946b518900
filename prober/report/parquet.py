"""Parquet for notebooks and warehouses: the rows of the CSV file, with their types."""

import io

import pyarrow as pa
from pyarrow import parquet

from prober.report.csv import frame
from prober.report.formats import Rows, Subject


def render(subject: Subject | Rows) -> bytes:
    """Return the rows of a subject as a Parquet file, compressed with zstd."""
    rows = pa.Table.from_pandas(frame(subject), preserve_index=False)
    sink = io.BytesIO()
    parquet.write_table(rows, sink, compression="zstd")
    return sink.getvalue()
