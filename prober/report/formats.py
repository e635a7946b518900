"""The formats that a report is written in: one row each, one module each."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from prober.errors import UsageError
from prober.report.comparison import Comparison
from prober.report.environments import Environments
from prober.report.model import Report

if TYPE_CHECKING:  # imported when it is used
    import pandas as pd

Subject: TypeAlias = Report | Environments | Comparison
"""What a report can be of: a run, environments over windows, before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows in the place of those that a subject has, for formats that are tables."""

    parts: "Callable[[], Iterable[pd.DataFrame]]"
    """Begins anew for each file: frames of the same columns, the first may be empty."""


TABULAR = ("csv", "parquet")
"""The names of those formats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format; its module has `render(subject)`, which returns str or bytes."""

    module: str
    """In this package; imported when it is used."""
    suffixes: tuple[str, ...]
    """Of files, by which it is picked."""
    extra: str = ""
    """The extra of the distribution that brings what it needs, if it needs any."""

    def load(self) -> ModuleType:
        """Import what it needs.

        Raises UsageError, telling what to install, where that is not there.
        """
        try:
            return importlib.import_module(f"prober.report.{self.module}")
        except ImportError as error:
            if not self.extra:
                raise
            needed = f"pip install 'loggregator-prober[{self.extra}]'"
            raise UsageError(
                f"{self.suffixes[0]} files need {error.name}: {needed}"
            ) from error

    def render(self, subject: Subject | Rows) -> str | bytes:
        """Return a subject as a whole file; raises as `load` does."""
        rendered: str | bytes = self.load().render(subject)
        return rendered

    def document(self, subject: Subject | Rows) -> str | bytes | Iterable[str]:
        """Return the same, in pieces if its module has `Pieces`: too large to hold."""
        module = self.load()
        if not hasattr(module, "Pieces"):
            return self.render(subject)
        pieces: Iterable[str] = module.Pieces(subject)
        return pieces


FORMATS: Mapping[str, Format] = {
    "text": Format(module="plain", suffixes=(".txt", ".text")),
    "html": Format(module="html", suffixes=(".html", ".htm")),
    "markdown": Format(module="markdown", suffixes=(".md", ".markdown")),
    "json": Format(module="json", suffixes=(".json",)),
    "csv": Format(module="csv", suffixes=(".csv",)),
    "junit": Format(module="junit", suffixes=(".xml",)),
    "openmetrics": Format(module="openmetrics", suffixes=(".prom", ".om")),
    "svg": Format(module="svg", suffixes=(".svg",)),
    "png": Format(module="png", suffixes=(".png",), extra="png"),
    "pdf": Format(module="pdf", suffixes=(".pdf",), extra="pdf"),
    "parquet": Format(module="parquet", suffixes=(".parquet",), extra="parquet"),
}


def by_suffix(path: str, otherwise: str = "") -> str:
    """Return the name of the format of files that are called so.

    Raises UsageError, naming the suffixes there are and what `otherwise` to do, for any
    other.
    """
    suffix = PurePath(path).suffix.lower()
    for name, each in FORMATS.items():
        if suffix in each.suffixes:
            return name
    known = ", ".join(each.suffixes[0] for each in FORMATS.values())
    raise UsageError(
        f"no format has files like {path}: end it in one of {known}{otherwise}"
    )
