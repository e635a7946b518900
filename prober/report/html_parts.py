"""What a page is made of: its head, and sections of charts, tables and facts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prober import slo
from prober.report.answer import left
from prober.report.charts import Chart
from prober.report.facts import Fact, Table
from prober.report.model import Consumer
from prober.report.watched import Watched
from prober.report.words import tight

LOOKS: Mapping[str | None, str] = {
    "met": "good",
    "violated": "bad",
    "inconclusive": "unsure",
    "no_data": "unsure",
    "could_not_probe": "unsure",
    None: "none",
}
"""How a verdict looks, by its state: shape and words say the same as the colour."""

_OPENING = re.compile(r"([^:]*[A-Z]{2}[^:]*): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure that is seen at first sight, and what it is."""

    figure: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands below it."""

    title: str
    warnings: tuple[str, ...] = ()
    opening: tuple[Fact, ...] = ()
    """What is told before anything is drawn."""
    charts: tuple[Chart, ...] = ()
    items: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What happened one by one: the main thing, and what else is known of it."""
    tables: tuple[Table, ...] = ()
    facts: tuple[Fact, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to say."""
        told = (self.warnings, self.opening, self.items, self.facts)
        return any((*told, self.charts, self.tables))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One subject, the answer first, how it was measured last."""

    anchor: str
    """Begins the names of all of its parts, so that several fit into one file."""
    title: str
    origin: str
    """Of when and whence it is."""
    look: str
    answer: tuple[tuple[str, str], ...]
    """Sentences: what each comes to, and the rest of it."""
    tiles: tuple[Tile, ...]
    first: tuple[Chart, ...]
    """Charts that belong to the answer."""
    sections: tuple[Section, ...]


def split(sentence: str) -> tuple[str, str]:
    """Return what a sentence comes to, as it opens in capitals, and the rest of it."""
    found = _OPENING.fullmatch(sentence)
    if found is None:
        return "", sentence
    return found[1], found[2][:1].upper() + found[2][1:]


def tiles(worst: Consumer | Watched | None, claim: slo.Claim) -> tuple[Tile, ...]:
    """Return the figures of the worst consumer that are seen first."""
    if worst is None:
        return ()
    bad, total = worst.valid.bad, worst.valid.accepted
    found = [Tile(figure=f"{bad:,}", label=f"of {total:,} lost or damaged")]
    if bad:
        ratio, nines = slo.format_ratio(bad, total), slo.format_nines(bad, total)
        found.append(Tile(figure=slo.one_in(bad, total), label="lost or damaged"))
        found.append(Tile(figure=ratio, label=f"arrived: {nines}"))
    if worst.budget is not None:
        told = left(worst.budget.remaining)
        figure = told.removesuffix(" left").removeprefix("spent ")
        hows = (how for how in ("spent", "left") if how in told.split())
        found.append(Tile(figure=figure, label=" ".join(["error budget", *hows])))
    if claim.supports is not None:
        some = claim.supports > 0
        figure = slo.format_share(claim.supports) if some else "nothing yet"
        found.append(Tile(figure=figure, label="supported as a promise"))
    if worst.coverage is not None:
        figure = "all" if worst.coverage == 1 else tight(worst.coverage)
        found.append(Tile(figure=figure, label="of the time measured"))
    return tuple(found)


def grouped(
    found: Iterable[Fact], places: Mapping[str, str]
) -> Mapping[str, tuple[Fact, ...]]:
    """Return facts by their place; an empty label goes with the one above it."""
    told: dict[str, list[Fact]] = {place: [] for place in places.values()}
    above = ""
    for label, words in found:
        above = label or above
        told[places[above]].append((label, words))
    return {place: tuple(facts) for place, facts in told.items()}


def filled(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return the sections in which there is anything."""
    return tuple(each for each in sections if each)
