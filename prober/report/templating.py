"""Templates in which no string is markup, hides anything or turns it around."""

import re
from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from prober.report.words import harmless


@cache
def templates(*packages: str) -> Environment:
    """Return the templates of packages, the first one's first; reports' are the last.

    `parts.html` has what pages have in common: status, charts, tables, facts.
    """
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader(each) for each in (*packages, "prober.report")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> Markup:
    """Escape what is not markup of ours; a unit stays in the line of its figure."""
    if isinstance(value, Markup):
        return value
    told = escape(harmless(str(value)))
    return Markup(_UNIT.sub("\N{NO-BREAK SPACE}", told))  # noqa: S704 - escaped


_UNIT = re.compile(r"(?<=\d) (?=%|(?:d|h|min|s|ms|us)\b)")
