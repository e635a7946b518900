"""The live page as HTML: worst first, one page each, honest when it does not know."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html

from prober.clock import NS
from prober.testing import ManualClock
from prober.watch.page.glance import NONE
from tests.report.now import samples
from tests.report.now.samples import MINUTE_NS, NOW, consumer, live
from tests.watch.page.pages import fill, page, well
from tests.watch.test_server import snapshot

EVIL = "<script>alert(1)</script>"


def words(text: str, where: str) -> list[str]:
    """Return what stands in elements, white space drawn together."""
    found = html.fromstring(text).xpath(where)
    return [" ".join(each.text_content().split()) for each in found]


async def test_first_screen_is_worst_first(tmp_path: Path) -> None:
    """Badges count conditions; trouble stands in full, the rest in a table."""
    away = live(
        environment="prod_us", measuring=False, ours=True, why_not="token refused"
    )
    losing = live(consumer("rlp", overdue=153, overdue_since_ns=NOW - 74 * NS))
    names = ("lab", "staging")
    async with page(tmp_path, away, losing, *map(well, names)) as (client, store, _):
        for name in ("prod_eu", "prod_us", *names):
            fill(store, name)
        text = (await client.get("/")).text

    assert ["1 LOSING", "1 NOT MEASURED", "2 OK"] == words(
        text, "//*[@class='badges']/li"
    )
    assert ["prod_eu", "prod_us"] == words(text, "//article//h2")
    assert ["lab", "staging"] == words(text, "//tbody//th")
    (status, _) = words(text, "//article//p[contains(@class, 'status')]")
    assert "LOSING since 03:06:58 (74 s)" == status
    assert "51 % overdue > 5 s on rlp; final at 60 s" in words(text, "//article//dd")


async def test_figures_of_an_environment(tmp_path: Path) -> None:
    """Nines are of the worst consumer; what is left, and how much was measured."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[0, 0, 9])
        text = (await client.get("/")).text

    figures = words(text, "//dl[contains(@class, 'figures')]/div/dd")
    assert [
        "3.00 nines",
        "90.0%",
        "0.1\N{MULTIPLICATION SIGN}",
        "not soon",
        "12 s",
        "all",
    ] == figures
    labels = words(text, "//dl[contains(@class, 'figures')]/div/dt")
    assert labels[-1].startswith("measured of the first ")
    assert labels[-1].endswith(" of 30 d")


async def test_burn_rate_is_rounded_up(tmp_path: Path) -> None:
    """A rate a little above a tenth is not told as a tenth."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[0, 0, 10])
        text = (await client.get("/")).text

    figures = words(text, "//dl[contains(@class, 'figures')]/div/dd")
    assert "0.2\N{MULTIPLICATION SIGN}" == figures[2]


async def test_budget_that_is_spent(tmp_path: Path) -> None:
    """It is told how many times over, and not that so much of it is left."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[300] * 5)
        text = (await client.get("/")).text

    figures = words(text, "//dl[contains(@class, 'figures')]/div/dd")
    labels = words(text, "//dl[contains(@class, 'figures')]/div/dt")
    times = "\N{MULTIPLICATION SIGN}"
    assert (f"17{times}", "budget spent") == (figures[1], labels[1])
    assert ("already", "gone") == (figures[3], labels[3])


async def test_excluded_while_it_loses(tmp_path: Path) -> None:
    """Who excluded it, until when and why; nothing burns, and nothing counts."""
    excluded = replace(
        samples.note("01:00:00", "maintenance", "root"),
        kind="exclude",
        to_ns=samples.at("04:00:00"),
    )
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[300] * 5)
        store.annotate(excluded)
        text = (await client.get("/")).text

    (status, *_) = words(text, "//article//p[contains(@class, 'status')]")
    told = "EXCLUDED until 04:00:00 by root: maintenance; losing since 03:03:00"
    assert status.startswith(told)
    figures = words(text, "//dl[contains(@class, 'figures')]/div/dd")
    labels = words(text, "//dl[contains(@class, 'figures')]/div/dt")
    assert [NONE] * 4 == figures[:4]
    assert "nothing counted yet" == labels[0]


async def test_page_of_one_environment(tmp_path: Path) -> None:
    """It has each window, the budget, the last hour, and what speaks for us."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[0, 0, 9])
        found = {}
        for window in ("1h", "24h", "7d", "30d", "90d"):
            answer = await client.get(
                "/environments/prod_eu", params={"window": window}
            )
            found[window] = answer.text

    for window, text in found.items():
        chosen = "//nav[@class='windows']/a[@aria-current='page']/@href"
        link = f"/environments/prod_eu?window={window}#window"
        assert [link] == html.fromstring(text).xpath(chosen)
        assert "9 of 9,000 probe messages lost" in text
        titles = words(text, "//h2 | //h3")
        for title in ("The last hour", "Is it us?", "The budget", "How fast"):
            assert title in titles
    assert "lossy cycle" in found["1h"]
    assert "lossy cycle" not in found["30d"]


async def test_before_anything_was_watched(tmp_path: Path) -> None:
    """An empty history is said to be one."""
    async with page(tmp_path) as (client, _, _):
        text = (await client.get("/")).text

    assert ["Nothing was watched yet"] == words(text, "//main//h2")


@pytest.mark.parametrize("name", [EVIL, "a/b?c#d", "\u202eevil", "x" * 200])
async def test_hostile_names(tmp_path: Path, name: str) -> None:
    """A name is text wherever it stands, and leads to its own page."""
    async with page(tmp_path, well(name)) as (client, store, _):
        fill(store, name)
        first = (await client.get("/")).text
        (link,) = html.fromstring(first).xpath("//article//h2/a/@href")
        own = await client.get(link)

    assert 200 == own.status_code
    for text in (first, own.text):
        assert EVIL not in text
        assert "\u202e" not in text


async def test_silent_measuring_process(tmp_path: Path) -> None:
    """Ten seconds without a word, and the page says since when it is not live."""
    async with page(tmp_path, live()) as (client, store, board):
        fill(store, "prod_eu")
        before = (await client.get("/")).text
        assert isinstance(board.clock, ManualClock)
        await board.clock.advance(11)
        after = (await client.get("/")).text

    assert "Not live:" not in before
    assert "the measuring process has said nothing since 03:08:12 UTC" in after


def spoil(folder: Path) -> None:
    """Make a history unreadable."""
    for file in folder.iterdir():
        file.write_bytes(b"this is no database at all")


async def test_history_that_is_away(tmp_path: Path) -> None:
    """What a daemon says now is shown, with what history held when it was last read."""
    async with page(tmp_path, live()) as (client, store, board):
        fill(store, "prod_eu", lost=[0, 0, 9])
        await client.get("/")
        spoil(tmp_path)
        assert isinstance(board.clock, ManualClock)
        await board.clock.advance(60)
        board.put(snapshot(live(at_ns=NOW + MINUTE_NS), at_ns=NOW + MINUTE_NS))
        answer = await client.get("/")

    assert 200 == answer.status_code
    assert "History cannot be read since 03:08:12 UTC:" in answer.text
    assert "3.00 nines" in answer.text


async def test_history_that_cannot_be_written(tmp_path: Path) -> None:
    """How much waits in memory, and what found no room, is said."""
    async with page(tmp_path) as (client, _, board):
        said = snapshot(live())
        waiting = replace(
            said.store,
            results=1_204,
            since_ns=NOW - MINUTE_NS,
            why="full",
            overflowed=7,
        )
        board.put(replace(said, store=waiting))
        text = (await client.get("/")).text

    assert "History cannot be written since 03:07:12 UTC:" in text
    assert "1,204 results wait in memory" in text
    assert "7 results found no room" in text


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        (
            "/environments/prod_eu?window=5y",
            400,
            "window='5y' is none of 1h, 24h, 7d, 30d, 90d",
        ),
        ("/environments/other", 404, "nothing is known of an environment 'other'"),
        ("/?sort=name", 400, "'sort' is no parameter of this; none is known here"),
        ("/other", 404, "there is nothing at '/other'"),
    ],
)
async def test_what_cannot_be_asked_for(
    tmp_path: Path, path: str, status: int, sentence: str
) -> None:
    """A page says in one sentence what was wrong with the address."""
    async with page(tmp_path, live()) as (client, _, _):
        answer = await client.get(path)

    assert status == answer.status_code
    assert [sentence] == words(answer.text, "//h1")
