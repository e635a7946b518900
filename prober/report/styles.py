"""The style of pages and pictures, which are one visual language."""

import re
from importlib.resources import files

_VARIABLE = re.compile(r"(--[a-z]+): ([^;]+);")
_USED = re.compile(r"var\((--[a-z]+)\)")
_BLOCK = re.compile(r"^:root \{.*?^\}\n", re.MULTILINE | re.DOTALL)
_MEDIA = re.compile(r"^@media .*?^\}\n", re.MULTILINE | re.DOTALL)


def page_style() -> str:
    """Return the style of a page with charts: of reports and of the live page."""
    return _read("charts/charts.css") + _read("style.css")


def picture_style() -> str:
    """Return the style of charts for who knows no variables: light, colours put in."""
    whole = _MEDIA.sub("", _read("charts/charts.css"))
    colours = palette()
    return _USED.sub(lambda found: colours[found[1]], _BLOCK.sub("", whole))


def palette(*, dark: bool = False) -> dict[str, str]:
    """Return the values of all variables, by name: `{"--paper": "#ffffff", …}`."""
    blocks = re.findall(r":root \{(.*?)\}", _read("charts/charts.css"), re.DOTALL)
    light, *others = (dict(_VARIABLE.findall(each)) for each in blocks)
    return light | others[0] if dark else light


def _read(name: str) -> str:
    return files("prober.report").joinpath(name).read_text("utf-8")
