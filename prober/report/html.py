"""One self-contained HTML file: style and pictures in it, no script, nothing fetched."""

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prober.report.model import Report
from prober.report.html_run import run_page
from prober.report.words import harmless


def render(report: Report) -> str:
    """Return a report as a page that can be read, printed and mailed."""
    return page("run.html", **run_page(report))


def page(template: str, **values: object) -> str:
    """Return a page from a template beside this module, with the style in it."""
    style = stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Written by us, and allowed by its hash: no other style and no script may run.
    given = {"style": Markup(style), "style_hash": digest}  # noqa: S704
    return _templates().get_template(template).render(**given, **values) + "\n"


def stylesheet() -> str:
    """Return the style of reports and of the live page."""
    return files("prober.report").joinpath("style.css").read_text("utf-8")


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("prober.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
    )


def _finalize(value: object) -> object:
    """Let nothing through that could hide or turn around what stands beside it."""
    return value if isinstance(value, Markup) else harmless(str(value))
