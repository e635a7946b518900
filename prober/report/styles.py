"""The style of pages and pictures, which are one visual language."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from markupsafe import Markup

_VARIABLE = re.compile(r"(--[a-z]+): ([^;]+);")
_USED = re.compile(r"var\((--[a-z]+)\)")
_BLOCK = re.compile(r"^:root \{.*?^\}\n", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r"^(\.chart [^{]*?) \{ (.*); \}$", re.MULTILINE)
_ELEMENT = re.compile(r'<(\w+)(?=[ />])(?:([^>]*?) class="([^"]*)")?')
_INKS = {"good": "--green", "bad": "--red", "unsure": "--amber", "none": "--blue"}
_MEDIA = re.compile(r"^@media .*?^\}\n", re.MULTILINE | re.DOTALL)


def page_style() -> str:
    """Return the style of a page with charts: of reports and of the live page."""
    return _read("charts/charts.css") + _read("style.css")


def picture_style() -> str:
    """Return the style of charts for who knows no variables: light, colours put in."""
    whole = _MEDIA.sub("", _read("charts/charts.css"))
    colours = palette()
    return _USED.sub(lambda found: colours[found[1]], _BLOCK.sub("", whole))


def styled(picture: Markup) -> Markup:
    """Return a picture with its style in its elements, for who is slow to read rules.

    As attributes, which is what the rules of charts come down to.
    """
    return Markup(_ELEMENT.sub(_attributes, picture))  # noqa: S704 - ours, as it was


def _attributes(found: re.Match[str]) -> str:
    name, others, classes = found.groups("")
    return f"<{name}{others}{_presented(name, classes)}"


@cache
def _presented(name: str, classes: str) -> str:
    """Return how elements of these classes look; what is said later prevails."""
    mine = {name, *(f".{each}" for each in classes.split())}
    looks: dict[str, str] = {}
    for selector, said in _rules().items():
        looks |= said if selector in mine else {}
    return "".join(f' {key}="{value}"' for key, value in looks.items())


@cache
def _rules() -> Mapping[str, Mapping[str, str]]:
    """Return what the style of pictures says, by selector, elements before classes."""
    found: dict[str, dict[str, str]] = {}
    for selectors, body in _RULE.findall(picture_style()):
        said = dict(each.split(": ", 1) for each in body.replace('"', "'").split("; "))
        for each in selectors.split(", "):
            found.setdefault(each.removeprefix(".chart "), {}).update(said)
    return dict(sorted(found.items(), key=lambda rule: rule[0].startswith(".")))


def palette(*, dark: bool = False) -> dict[str, str]:
    """Return the values of all variables, by name: `{"--paper": "#ffffff", …}`."""
    blocks = re.findall(r":root \{(.*?)\}", _read("charts/charts.css"), re.DOTALL)
    light, *others = (dict(_VARIABLE.findall(each)) for each in blocks)
    return light | others[0] if dark else light


def ink_of(look: str) -> str:
    """Return the colour of a verdict on light paper, by how it looks."""
    return palette()[_INKS[look]]


def _read(name: str) -> str:
    return files("prober.report").joinpath(name).read_text("utf-8")
