"""SVG written as text: escaped, rounded, and small."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from prober.report.charts.scales import Point
from prober.report.words import harmless


def tag(name: str, *inside: str, **attributes: str | float | None) -> Markup:
    """Return one element; text is escaped, markup is taken as it is.

    An attribute that is None is left out; `_` in a name stands for `-`, one at its end
    is dropped (`class_`).
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    body = "".join(map(_safe, inside))
    # What is put together here was escaped above, or was markup of ours.
    return Markup(f"<{name}{given}>{body}</{name}>" if body else f"<{name}{given}/>")  # noqa: S704


def join(parts: Iterable[str]) -> Markup:
    """Return parts one behind the other; text is escaped."""
    return Markup("").join(map(_safe, parts))


def text(at: Point, words: str, class_: str = "", anchor: str | None = None) -> Markup:
    """Return words at a point; `anchor` is `start`, `middle` or `end`."""
    x, y = at
    return tag("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def path(d: str, class_: str) -> Markup:
    """Return a path; nothing for one without a point."""
    return tag("path", d=d, class_=class_) if d else Markup("")


def line(points: Iterable[Point]) -> str:
    """Return the path through points: `M0 1L2 3`."""
    return "".join(
        f"{'L' if place else 'M'}{number(x)} {number(y)}"
        for place, (x, y) in enumerate(points)
    )


def steps(points: Iterable[Point]) -> str:
    """Return the path that holds each height until the next point: `M0 1H2V3`."""
    drawn = ""
    for x, y in points:
        drawn += f"H{number(x)}V{number(y)}" if drawn else f"M{number(x)} {number(y)}"
    return drawn


def box(x: float, y: float, width: float, height: float) -> str:
    """Return the path of a rectangle."""
    across = number(width)
    return f"M{number(x)} {number(y)}h{across}v{number(height)}h-{across}z"


def diamond(x: float, y: float, radius: float = 4) -> str:
    """Return the path of a square that stands on its corner."""
    r = number(radius)
    return f"M{number(x)} {number(y - radius)}l{r} {r}l-{r} {r}l-{r}-{r}z"


def number(value: float) -> str:
    """Return a coordinate with at most one decimal, and no idle one."""
    return f"{round(value, 1) or 0:g}"  # no -0


def _value(value: str | float) -> str:
    return harmless(value) if isinstance(value, str) else number(value)


def _safe(part: str) -> str:
    return part if isinstance(part, Markup) else escape(harmless(part))
