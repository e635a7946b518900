"""Every report as one JSON document of a schema with a version: see `reports/schema`.

Everything is written as ASCII, so that no name in it can move a terminal's cursor.
"""

import json

from prober.report import json_comparison, json_run, json_window
from prober.report.comparison import Comparison
from prober.report.environments import Environments
from prober.report.formats import Subject
from prober.report.json_values import Json


def render(subject: Subject) -> str:
    """Return the document as text that ends in a newline."""
    return json.dumps(document(subject), indent=2, allow_nan=False) + "\n"


def document(subject: Subject) -> dict[str, Json]:
    """Return the document as plain values, in the order of its schema."""
    match subject:
        case Environments():
            return json_window.document(subject)
        case Comparison():
            return json_comparison.document(subject)
    return json_run.document(subject)
