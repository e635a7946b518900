"""The picture of a report in pixels, for where no SVG can go."""

import resvg_py

from prober.report import svg
from prober.report.formats import Subject
from prober.report.styles import palette

_SCALE = 2
"""Pixels a unit: sharp on screens of today."""


def render(subject: Subject) -> bytes:
    """Return the first page of a report as a PNG file."""
    drawn = svg.render(subject)
    paper = palette()["--paper"]
    return bytes(resvg_py.svg_to_bytes(svg_string=drawn, zoom=_SCALE, background=paper))
