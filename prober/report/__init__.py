"""The result as data, and one file a format.

    model     everything that is to be said about a run, worked out once
    words     the same in sentences and figures that people read
    terminal  one screen
    json      one document, `prober.report/v1`

What a report promises to its reader stands in the project's folder `reports`.
"""

from prober.report.model import Report, build

__all__ = ["Report", "build"]
