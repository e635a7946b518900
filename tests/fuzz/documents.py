"""What is fuzzed of files that people give, and of what our own processes tell.

Like `tests.fuzz.targets`: any bytes, and no error but the documented ones.
"""

import asyncio
import contextlib
import csv
import dataclasses
import io
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from lxml import etree
from prometheus_client.openmetrics import parser

from prober.cli import compare as comparing
from prober.cli import sent
from prober.config import faults
from prober.errors import InternalError, UsageError
from prober.history import Annotation
from prober.legs import wire
from prober.pipeline.faults.scenario import Layout, Scenario
from prober.probe.reading import Sighted
from prober.report import comparison
from prober.report.environment import build_environment
from prober.report.environments import together
from prober.report.formats import FORMATS
from prober.watch import snapshot
from tests.report import histories

LAYOUT = Layout(routers=2, doors=("gateway", "firehose"))


def scenario(data: bytes) -> None:
    """Faults of a file, or of an option, are some, or refused with their mistakes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scenario.yaml")
        file.write_bytes(data)
        for given in (str(file), data.decode(errors="replace")):
            try:
                found = faults.scenario([given], 0)
            except UsageError:
                continue
            assert found == Scenario.of(json.loads(json.dumps(found.plain())))
            for fault in found.faults:
                with contextlib.suppress(UsageError):
                    LAYOUT.check(fault)


def compared(data: bytes) -> None:
    """A document of a run is a side of a comparison and what was sent, or refused."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "run.json")
        file.write_bytes(data)
        with contextlib.suppress(UsageError):
            assert sent.read(str(file)).cycles
        try:
            side = comparing.read(str(file))
        except UsageError:
            return
    told = comparison.compare(side, side)
    assert told.exit_code in (0, 3)
    for name in ("text", "json"):
        FORMATS[name].render(told)


def pushed(data: bytes) -> None:
    """What comes to the page's process is a snapshot, or refused in one sentence."""

    async def read() -> None:
        pipe = asyncio.StreamReader()
        pipe.feed_data(data)
        pipe.feed_eof()
        while await snapshot.read(pipe) is not None:
            pass

    with contextlib.suppress(ValueError):
        asyncio.run(read())


def told(data: bytes) -> None:
    """What legs tell and are told is read, or refused in one sentence."""
    read: Callable[[asyncio.StreamReader], AsyncIterator[object]]
    for read in (wire.to_leg, wire.from_leg):
        with contextlib.suppress(InternalError):
            asyncio.run(_all(read, data))


async def _all(
    read: Callable[[asyncio.StreamReader], AsyncIterator[object]], data: bytes
) -> None:
    pipe = asyncio.StreamReader()
    pipe.feed_data(data)
    pipe.feed_eof()
    async for message in read(pipe):
        if isinstance(message, wire.Found):
            sighted = message.sighted()
            assert isinstance(sighted, Sighted)
            assert len(sighted.found.sequences) == len(sighted.found.sent_ns)
            assert len(sighted.found.sequences) == len(sighted.each_ns)


_PLAIN = Annotation(
    environment="prod_eu",
    kind="note",
    text="x",
    author="y",
    from_ns=histories.at(1, 1),
    to_ns=histories.at(1, 2),
    written_ns=histories.at(1, 1),
)


def annotated(data: bytes) -> None:
    """Whatever somebody notes is text in every format, and nothing else."""
    half = len(data) // 2
    text, author = (
        part.decode(errors="surrogateescape") for part in (data[:half], data[half:])
    )
    pages = {name: _rendered(name, text, author) for name in _READ}
    for name, read in _READ.items():
        assert read(_rendered(name, "x", "y")) == read(pages[name])


def _rendered(name: str, text: str, author: str) -> str:
    note = dataclasses.replace(_PLAIN, text=text, author=author)
    history = histories.history(
        [histories.hour(histories.at(1, 1))], annotations=[note]
    )
    report = build_environment(history, kind="rolling", to_ns=histories.END_NS)
    page = FORMATS[name].render(together([report], histories.END_NS))
    assert isinstance(page, str)
    return page


def _tags(page: str) -> list[object]:
    """Return the elements of a page, and the names of what they carry."""
    tree = etree.fromstring(page.encode(), etree.HTMLParser(huge_tree=True))
    return [(each.tag, sorted(each.attrib)) for each in tree.iter()]


def _elements(page: str) -> list[object]:
    return [each.tag for each in etree.fromstring(page.encode()).iter()]


def _metrics(page: str) -> list[str]:
    return [each.name for each in parser.text_string_to_metric_families(page)]  # type: ignore[no-untyped-call]


def _rows(page: str) -> list[int]:
    rows = list(csv.reader(io.StringIO(page)))
    cells = [cell for row in rows for cell in row]
    assert not any(each.startswith(("=", "+", "@")) for each in cells)
    return [len(row) for row in rows]


def _lines(page: str) -> bool:
    return all(line.isprintable() for line in page.split("\n"))


def _keys(page: str) -> list[str]:
    assert page.isascii()
    return sorted(json.loads(page))


_READ: dict[str, Callable[[str], object]] = {
    "html": _tags,
    "svg": _elements,
    "junit": _elements,
    "openmetrics": _metrics,
    "csv": _rows,
    "text": _lines,
    "markdown": _lines,
    "json": _keys,
}
"""What no text can change of a page, by format."""
