"""Colours: contrast, light and dark, and what colour-blind readers see of them."""

from itertools import combinations

import numpy as np
import pytest
import resvg_py
from numpy.typing import NDArray

from prober.report.styles import page_style, palette, picture_style, styled
from tests.report.charts.drawn import MADE

WORDS = ("--ink", "--quiet", "--blue", "--red", "--amber", "--plum", "--green")
MARKS = ("--blue", "--red", "--amber", "--plum", "--green")
SEEN_WITHOUT = {
    # Machado, Oliveira and Fernandes 2009, severity 1.0: what is left of linear RGB.
    "red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def linear(colour: str) -> NDArray[np.float64]:
    """Return linear RGB of `#rrggbb`."""
    found = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    bent = ((found + 0.055) / 1.055) ** 2.4
    return np.where(found <= 0.04045, found / 12.92, bent)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, as WCAG 2 reckons it."""
    dark, light = sorted(float(TO_XYZ[1] @ linear(each)) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CIE L*a*b* of linear RGB, in which distances are what eyes see."""
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(*, dark: bool) -> None:
    """Words have 4.5 to 1 on paper and panel, axes 3 to 1: WCAG 2, AA."""
    found = palette(dark=dark)

    for ground in ("--paper", "--panel"):
        for name in WORDS:
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
        assert contrast(found["--axis"], found[ground]) >= 3


@pytest.mark.parametrize("without", SEEN_WITHOUT)
@pytest.mark.parametrize("dark", [False, True])
def test_colour_blind_readers_tell_marks_apart(without: str, *, dark: bool) -> None:
    """Whoever lacks one of three cones still sees different colours."""
    matrix, found = np.array(SEEN_WITHOUT[without]), palette(dark=dark)

    for one, other in combinations(MARKS, 2):
        a, b = (lab(matrix @ linear(found[each])) for each in (one, other))
        assert np.linalg.norm(a - b) >= 15, (one, other)


def test_paper_has_the_light_colours() -> None:
    """What is printed differs from the light page in its ink alone."""
    printed = page_style().split("@media print")[1].split("}")[0]

    assert all(f"{name}: {palette()[name]};" in printed for name in MARKS)


def test_pictures_know_no_variables() -> None:
    """The style of a picture names its colours, and has no rules for other media."""
    style = picture_style()

    assert palette()["--red"] in style
    assert "var(" not in style
    assert "@media" not in style


@pytest.mark.parametrize("kind", MADE)
def test_a_style_in_the_elements_looks_the_same(kind: str) -> None:
    """A picture looks to the pixel as it does with the rules of its style beside it."""
    picture = MADE[kind]().wide
    rules = f"<style>{picture_style()}</style>"
    ruled = str(picture).replace("<title", f"{rules}<title", 1)

    assert pixels(ruled) == pixels(styled(picture))
    assert pixels(picture) != pixels(styled(picture))


def pixels(picture: str) -> bytes:
    """Return a picture, drawn."""
    return bytes(resvg_py.svg_to_bytes(svg_string=picture))
