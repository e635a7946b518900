"""What all charts share: two sizes, axes, a legend, words for those who cannot see."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prober.report.charts.scales import Scale, Tick
from prober.report.charts.svg import box, join, line, number, path, tag, text
from prober.report.facts import Table

LETTER = 7.1
"""About the width of a letter of a label, which is 12 units high."""
ROW = 18
"""The height of a line of a legend."""
_SYMBOL = 22
_BASELINE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """For which width a chart is drawn: its letters are the same in all of them."""

    name: str
    width: float


WIDE = Size(name="wide", width=720)
NARROW = Size(name="narrow", width=340)
"""A phone's: a wide picture made small could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture in both sizes, and the same in words and figures."""

    name: str
    title: str
    description: str
    """A sentence or two that say what is to be seen."""
    wide: Markup
    height: float
    """Of the wide picture."""
    draw_narrow: Callable[[], Markup]
    """Who needs no narrow one does not wait for it."""
    table: Table
    notes: tuple[str, ...]
    """What the flags above it stand for."""

    @property
    def narrow(self) -> Markup:
        """The picture for a phone."""
        return self.draw_narrow()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where the plot lies in a picture; y runs downwards."""

    left: float
    right: float
    top: float
    bottom: float

    @property
    def width(self) -> float:
        """Of the plot."""
        return self.right - self.left

    def rule(self, y: float, class_: str) -> Markup:
        """Return a line across the plot."""
        return path(f"M{number(self.left)} {number(y)}H{number(self.right)}", class_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An entry of a legend: a symbol drawn around (0, 0), and what it stands for."""

    symbol: Markup
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that people wrote down about a moment: a deploy, an exclusion."""

    at_ns: int
    text: str


Draw = Callable[[Size], tuple[float, Iterable[Markup]]]
"""Returns a picture's height and its parts."""


def chart(
    name: str,
    title: str,
    description: str,
    *,
    table: Table,
    draw: Draw,
    flags: Sequence[Note] = (),
) -> Chart:
    """Draw a chart in both sizes; `name` begins the ids of its elements.

    Its title, description and table say in words and figures what it shows, for those
    who cannot see it; `flags` are the notes that are drawn above it.
    """
    words = (name, title, description)
    height, parts = draw(WIDE)
    wide = _picture(words, WIDE, height, parts)

    def draw_narrow() -> Markup:
        return _picture(words, NARROW, *draw(NARROW))

    return Chart(
        name=name,
        title=title,
        description=description,
        wide=wide,
        height=height,
        draw_narrow=draw_narrow,
        table=table,
        notes=tuple(
            f"{letter}: {note.text}"
            for letter, note in zip(note_letters(len(flags)), flags, strict=True)
        ),
    )


def _picture(
    words: tuple[str, str, str], size: Size, height: float, parts: Iterable[Markup]
) -> Markup:
    name, title, told = words
    ids = [f"{name}-{size.name}-{part}" for part in ("title", "desc")]
    return tag(
        "svg",
        tag("title", title, id=ids[0]),
        tag("desc", told, id=ids[1]),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(size.width)} {number(height)}",
        width=size.width,
        height=height,
        class_=f"chart {size.name}",
        role="img",
        aria_labelledby=" ".join(ids),
    )


def letters(words: str) -> float:
    """Return about how wide a label is."""
    return LETTER * len(words)


def fitted(words: str, room: float) -> str:
    """Return words as far as there is room for them; the table has them whole."""
    most = max(1, int(room / LETTER))
    return (
        words if len(words) <= most else f"{words[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def margin(labels: Iterable[str]) -> float:
    """Return the room that labels beside an axis need."""
    return max(map(letters, labels), default=0) + 10


def legend(keys: Sequence[Key], width: float, left: float = 0) -> tuple[Markup, float]:
    """Return a legend's picture, in as many rows as it needs, and its height."""
    x, y, drawn = left, ROW / 2, []
    for key in keys:
        wide = _SYMBOL + letters(key.label)
        if x > left and x + wide > width:
            x, y = left, y + ROW
        place = f"translate({number(x + _SYMBOL / 2 - 3)} {number(y)})"
        drawn.append(tag("g", key.symbol, transform=place))
        label = fitted(key.label, width - x - _SYMBOL)
        drawn.append(text((x + _SYMBOL, y + _BASELINE), label, "label"))
        x += wide + 16
    return join(drawn), (y + ROW if keys else 0)


def swatch(class_: str, height: float = 10) -> Markup:
    """Return a legend's symbol for a filled area."""
    return path(box(-6, -height / 2, 12, height), class_)


def stroke(class_: str) -> Markup:
    """Return a legend's symbol for a line."""
    return path("M-8 0H8", class_)


def left_axis(frame: Frame, scale: Scale, found: Iterable[Tick]) -> Markup:
    """Return lines across the plot, their labels to the left of it."""
    drawn = []
    for tick in found:
        y = scale(tick.value)
        drawn.append(frame.rule(y, "grid"))
        drawn.append(text((frame.left - 8, y + _BASELINE), tick.label, "tick", "end"))
    return join(drawn)


def bottom_axis(frame: Frame, scale: Scale, found: Iterable[Tick]) -> Markup:
    """Return the base line, with ticks and labels below it."""
    drawn = [frame.rule(frame.bottom, "axis")]
    last = -1e9
    for tick in found:
        x, half = scale(tick.value), letters(tick.label) / 2
        drawn.append(path(line([(x, frame.bottom), (x, frame.bottom + 4)]), "axis"))
        middle = min(max(x, half), frame.right + 8 - half)
        if middle - half < last + 10:
            continue  # no label is better than two in one place
        last = middle + half
        drawn.append(text((middle, frame.bottom + 17), tick.label, "tick", "middle"))
    return join(drawn)


def notes(frame: Frame, scale: Scale, found: Sequence[Note]) -> Markup:
    """Return a flag above the plot for each note, with its letter."""
    drawn = []
    for letter, note in zip(note_letters(len(found)), found, strict=True):
        x = scale(note.at_ns)
        foot = line([(x, frame.top), (x, frame.bottom)])
        flag = f"M{number(x)} {number(frame.top)}l-4-6h8z"
        words = tag("title", f"{letter}: {note.text}")
        drawn.append(tag("g", words, path(foot, "note-line"), path(flag, "note")))
        drawn.append(text((x, frame.top - 9), letter, "tick", "middle"))
    return join(drawn)


def note_letters(count: int) -> list[str]:
    """Return `A` to `Z`, then `AA`: names for notes in the order of time."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [alphabet[place % 26] * (1 + place // 26) for place in range(count)]
