"""The JSON API: the documents of the command line, and clear refusals."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.report.now.samples import live, note
from tests.watch.page.pages import fill, page

SCHEMAS = Path(__file__).parents[3] / "reports" / "schema"
ONE = "/api/v1/environments/prod_eu"


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/environments", "status.v1"),
        (ONE, "status.v1"),
        (f"{ONE}/window", "window.v1"),
        (f"{ONE}/window?window=30d", "window.v1"),
        (f"{ONE}/cycles?limit=2", "history.v1"),
        (f"{ONE}/annotations", "history.v1"),
    ],
)
async def test_documents_are_those_of_the_command_line(
    tmp_path: Path, path: str, schema: str
) -> None:
    """Each holds to the schema that is published for it."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[9])
        store.annotate(note("03:06:40", "deploy cf v41"))
        answer = await client.get(path)

    assert "application/json" == answer.headers["content-type"]
    known = json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))
    jsonschema.validate(answer.json(), known)


async def test_figures_of_the_api(tmp_path: Path) -> None:
    """What was lost, what happened, and how much of it there is."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu", lost=[9])
        store.annotate(note("03:06:40", "deploy cf v41"))
        window = (await client.get(f"{ONE}/window")).json()["environments"][0]
        cycles = (await client.get(f"{ONE}/cycles?limit=2")).json()
        notes = (await client.get(f"{ONE}/annotations")).json()["annotations"]

    counted = {each["name"]: each["valid"] for each in window["consumers"]}
    assert {"accepted": 9_000, "bad": 9} == counted["rlp"]
    assert (2, True) == (len(cycles["cycles"]), cycles["cut"])
    assert ["deploy cf v41"] == [each["text"] for each in notes]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "limit='0' is no number from 1 to 10,000"),
        ("limit=10001", "limit='10001' is no number from 1 to 10,000"),
        ("limit=x", "limit='x' is no number from 1 to 10,000"),
        ("from=yesterday", "from='yesterday' is no time: write 2026-07-01T14:02:00Z"),
        ("to=9999-12-31T23:59:59Z", "to='9999-12-31T23:59:59Z' is no time"),
        ("from=2026-07-02&to=2026-07-01", "to is not after from"),
        ("form=2026-07-02", "'form' is no parameter of this; known: from, to, limit"),
    ],
)
async def test_bounds_of_queries(tmp_path: Path, query: str, sentence: str) -> None:
    """What cannot be asked for is refused in one sentence, and nothing is read."""
    async with page(tmp_path, live()) as (client, _, _):
        answer = await client.get(f"{ONE}/cycles?{query}")

    assert 400 == answer.status_code
    assert answer.json()["error"].startswith(sentence)


async def test_environment_that_is_not_there(tmp_path: Path) -> None:
    """It is named, and the status says the same."""
    async with page(tmp_path, live()) as (client, _, _):
        answer = await client.get("/api/v1/environments/other/cycles")

    words = "nothing is known of an environment 'other'"
    assert (404, {"error": words}) == (answer.status_code, answer.json())


async def test_cycles_of_a_time(tmp_path: Path) -> None:
    """Both ends of a time are kept to."""
    async with page(tmp_path, live()) as (client, store, _):
        fill(store, "prod_eu")
        query = "from=2026-11-20T03:00:00Z&to=2026-11-20T03:02:00Z"
        found = (await client.get(f"{ONE}/cycles?{query}")).json()["cycles"]

    assert 4 == len(found)  # two cycles, two consumers
