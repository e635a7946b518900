"""The picture of a report in pixels, for where no SVG can go."""

import resvg_py

from prober.errors import UsageError
from prober.report import svg
from prober.report.formats import Subject
from prober.report.styles import palette

_SCALE = 2
"""Pixels a unit: sharp on screens of today."""
_LETTER = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'


def render(subject: Subject) -> bytes:
    """Return the first page of a report as a PNG file.

    Raises UsageError where there is no font: words would be missing without a word.
    """
    if _drawn(_LETTER.format('<text y="15">M</text>')) == _drawn(_LETTER.format("")):
        raise UsageError(
            "no font was found, and a picture without words tells nothing: install one "
            "(on Debian fonts-liberation), or write .svg instead of .png"
        )
    return _drawn(svg.render(subject))


def _drawn(picture: str) -> bytes:
    paper = palette()["--paper"]
    drawn = resvg_py.svg_to_bytes(svg_string=picture, zoom=_SCALE, background=paper)
    return bytes(drawn)
