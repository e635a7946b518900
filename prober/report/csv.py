"""CSV for spreadsheets: cycles, hours or days of windows, both sides compared.

A spreadsheet takes what begins like a formula for one, so that such a text has an
apostrophe before it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prober.report import frames
from prober.report.comparison import Comparison
from prober.report.environments import Environments
from prober.report.formats import Rows, Subject
from prober.report.words import harmless

if TYPE_CHECKING:  # imported when it is used
    import pandas as pd

_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Pieces:
    """A file part by part, begun anew whenever it is gone through."""

    subject: Subject | Rows

    def __iter__(self) -> Iterator[str]:
        """Yield the header with the first rows, and then the others."""
        for place, part in enumerate(parts(self.subject)):
            yield written(part, header=not place)


def render(subject: Subject | Rows) -> str:
    """Return the rows of a subject below a header; times in RFC 3339, UTC."""
    return "".join(Pieces(subject))


def parts(subject: Subject | Rows) -> "Iterable[pd.DataFrame]":
    """Return the rows of a subject in frames of the same columns, at least one."""
    return subject.parts() if isinstance(subject, Rows) else (frame(subject),)


def frame(subject: Subject) -> "pd.DataFrame":
    """Return the rows of a subject, as `prober.report.frames` documents them."""
    match subject:
        case Environments():
            return frames.windows(subject.reports)
        case Comparison():
            return _compared(subject)
    return frames.cycles_of_run(subject.result)


def written(frame: "pd.DataFrame", *, header: bool = True) -> str:
    """Return a frame as CSV in which no text is a formula."""
    from pandas.api import types  # noqa: PLC0415 - see above

    safe = frame.copy()
    for name in safe.columns:
        if not (
            types.is_numeric_dtype(safe[name])
            or types.is_datetime64_any_dtype(safe[name])
        ):
            safe[name] = safe[name].map(_inert, na_action="ignore")
    text: str = safe.to_csv(
        index=False,
        header=header,
        lineterminator="\n",
        date_format="%Y-%m-%dT%H:%M:%S.%fZ",
    )
    return text


def _inert(text: str) -> str:
    shown = harmless(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _compared(found: Comparison) -> "pd.DataFrame":
    """Return a row for each consumer and side."""
    import pandas as pd  # noqa: PLC0415 - see above

    rows = [
        {
            "consumer": frames.encodable(each.consumer),
            "side": side,
            "label": frames.encodable(which.label),
            "accepted": sample.counted.total,
            "bad": sample.counted.bad,
            "p50_s": sample.latency.p50,
            "p99_s": sample.latency.p99,
            "max_s": sample.latency.max,
            "state": each.state,
            "p_value": each.regression.p_value if each.regression else None,
        }
        for each in found.consumers
        for side, which, sample in (
            ("before", found.before, each.before),
            ("after", found.after, each.after),
        )
    ]
    columns = "consumer side label accepted bad p50_s p99_s max_s state p_value"
    return pd.DataFrame(rows, columns=columns.split())
