"""SVG as text: escaped, rounded, and small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.report.charts.svg import diamond, join, line, number, steps, tag, text
from tests.report.charts.drawn import read


def test_an_element() -> None:
    """Attributes are written as SVG calls them; those without a value are left out."""
    found = tag("text", "a", x=1.25, text_anchor="end", class_="tick", id=None)

    assert '<text x="1.2" text-anchor="end" class="tick">a</text>' == found


@given(words=st.text(max_size=20))
def test_words_are_words(words: str) -> None:
    """Whatever a text or an attribute holds, a reader of XML finds it as text."""
    found = read(tag("g", tag("title", words), words, id=words))

    assert ["title"] == [each.tag for each in found]
    shown = found[0].text or ""
    assert all(each.isprintable() for each in shown)


def test_markup_is_taken_as_it_is() -> None:
    """What was made here is not escaped twice, what was not is."""
    assert "<a>&lt;</a>&lt;b&gt;" == join([tag("a", "<"), "<b>"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, "1"), (1.04, "1"), (-0.04, "0"), (12.36, "12.4"), (1_800.04, "1800")],
)
def test_numbers_are_short(value: float, expected: str) -> None:
    """A coordinate has one decimal at most."""
    assert expected == number(value)


def test_paths() -> None:
    """Lines, steps and diamonds are paths of their points."""
    points = [(0.0, 1.0), (2.0, 3.0)]

    assert "M0 1L2 3" == line(points)
    assert "M0 1H2V3" == steps(points)
    assert "M5 1l4 4l-4 4l-4-4z" == diamond(5, 5)
    assert '<text x="1" y="2">a</text>' == text((1, 2), "a")
