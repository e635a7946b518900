"""A month of one-minute cycles in the store: windows, budget and page hold to 6.7."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import httpx
import pytest

from prober.history import Annotation, CycleRecord
from prober.records import Counts, State
from prober.store import Store, open_store
from prober.testing import ManualClock
from prober.watch.server import Board
from tests.report import histories
from tests.report.histories import DAY_NS, END_NS, FROM_NS, MINUTE_NS
from tests.watch.facts import cycle
from tests.watch.page.pages import serving
from tests.watch.page.test_pages import words

pytestmark = pytest.mark.timeout(240)  # 43,200 cycles, beside other tests
MONTH, HOUR, DAY = 43_200, 60, 1_440
EACH = 1_000
LOST = {
    # By the minute of the first lossy cycle: what one after the other loses.
    3 * DAY + 9 * HOUR: (1,),
    12 * DAY + 10 * HOUR: (775,) * 4,
    19 * DAY + 14 * HOUR: (980,) * 10,
    25 * DAY + 6 * HOUR: (412,),
    29 * DAY + 11 * HOUR: (38,),
}
DAMAGED = (29 * DAY + 11 * HOUR + 1, 4)
REFUSED = (5 * DAY, 600)
UNSURE = range(7 * DAY, 7 * DAY + 150)
OURS = range(11 * DAY, 11 * DAY + 30)
EXCLUDED = range(22 * DAY, 22 * DAY + 20)


def counts() -> Mapping[int, Counts]:
    """Return the cycles in which not everything went well, by minute."""
    found = {
        first + place: _counts(lost=lost)
        for first, losses in LOST.items()
        for place, lost in enumerate(losses)
    }
    found[DAMAGED[0]] = _counts(corrupt=DAMAGED[1])
    found[REFUSED[0]] = _counts(rejected=REFUSED[1])
    found |= {
        # 10,000 of 150,000 were not seen.
        minute: _counts(lost=100 if place < 100 else 0)
        for place, minute in enumerate(UNSURE)
    }
    return found


def _counts(lost: int = 0, corrupt: int = 0, rejected: int = 0) -> Counts:
    accepted = EACH - rejected
    return Counts(
        attempted=EACH,
        accepted=accepted,
        rejected=rejected,
        lost=lost,
        corrupt=corrupt,
        on_time=accepted - lost - corrupt,
    )


def state(minute: int, its: Counts) -> tuple[State, str]:
    """Return how the cycle of a minute ended."""
    if minute in UNSURE:
        return State.INCONCLUSIVE, "consumer disconnected"
    if minute in OURS:
        return State.INVALID, "reader lag 2.3 s, limit 1 s"
    return (State.LOSS, f"{its.bad} lost") if its.bad else (State.PASS, "")


def cycles() -> Iterator[list[CycleRecord]]:
    """Yield the month, a day of cycles at a time."""
    odd, well = counts(), _counts()
    sample = cycle(0, latencies_ns=[3_000_000] * EACH, environment="prod_eu")
    for day in range(0, MONTH, DAY):
        found = []
        for minute in range(day, day + DAY):
            due_ns = FROM_NS + minute * MINUTE_NS
            its = odd.get(minute, well)
            ended, why = state(minute, its)
            found.append(
                replace(
                    sample,
                    run_id=histories.run().run_id,
                    index=minute,
                    scheduled_ns=due_ns,
                    first_sent_ns=due_ns,
                    last_sent_ns=due_ns,
                    final_ns=due_ns + MINUTE_NS,
                    planned=EACH,
                    counts=its,
                    state=ended,
                    reason=why,
                )
            )
        yield found


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store in which a daemon wrote a month."""
    place = tmp_path_factory.mktemp("month") / "history.sqlite"
    with open_store(place) as store:
        store.put_run(histories.run(started_ns=FROM_NS))
        for day in cycles():
            store.put_cycles(day)
        store.annotate(
            Annotation(
                environment="prod_eu",
                kind="exclude",
                text="router exchange",
                author="anna",
                from_ns=FROM_NS + EXCLUDED[0] * MINUTE_NS,
                to_ns=FROM_NS + (EXCLUDED[-1] + 1) * MINUTE_NS,
                written_ns=END_NS,
            )
        )
        yield store


async def ask(store: Store, path: str) -> httpx.Response:
    """Ask the page at the end of the month."""
    async with serving(Board(ManualClock(END_NS), store.where)) as client:
        return await client.get(path)


async def test_golden_figures_of_the_window(month: Store) -> None:
    """Thirty days by the API: rows 1 to 10 of the worked example."""
    path = "/api/v1/environments/prod_eu/window?window=30d"
    (found,) = (await ask(month, path)).json()["environments"]
    (rlp,) = found["consumers"]

    assert 43_000 + 150 + 30 + 20 == sum(rlp["cycles"].values())
    assert {"accepted": 42_999_400, "bad": 13_355} == rlp["valid"]
    golden = {
        0.9996894143: rlp["sli"],
        3.507818503: rlp["nines"]["point"],
        2.931466846: rlp["nines"]["lower95"],
        0.6894142709: rlp["budget"]["remaining"],
        0.4587410254: rlp["budget"]["remaining_if_unseen_lost"],
        0.9958314034: rlp["coverage"],
        2.808412831e-05: rlp["interval95"]["lower"],
        1.352683966e-03: rlp["interval95"]["upper"],
    }
    for expected, figure in golden.items():
        assert expected == pytest.approx(figure, rel=1e-9)


async def test_golden_figures_on_the_first_screen(month: Store) -> None:
    """The page has them as people read them: never rounded up."""
    text = (await ask(month, "/")).text
    figures = words(text, "//dl[contains(@class, 'figures')]/div/dd")

    assert ["3.50 nines", "68.9%"] == figures[:2]
    assert "99.5%" == figures[-1]
    label = words(text, "//dl[contains(@class, 'figures')]/div/dt")[0]
    assert "1 in 3,219 lost; supports ≥ 2.93" == label


async def test_golden_figures_on_its_own_page(month: Store) -> None:
    """The count comes first; five incidents, and what was noted of the exchange."""
    text = (await ask(month, "/environments/prod_eu?window=30d")).text
    (answer,) = words(text, "//h2[contains(@class, 'answer')]")

    assert "13,355 of 42,999,400 probe messages lost or damaged, 1 in 3,219" in answer
    assert 5 == len(words(text, "//ol[@class='items']/li"))
    assert "router exchange" in text


async def test_an_hour_without_loss_within_a_month_with_some(month: Store) -> None:
    """Windows are of their own time: the last hour knows nothing of the storm."""
    path = "/api/v1/environments/prod_eu/window?window=1h"
    (found,) = (await ask(month, path)).json()["environments"]
    (rlp,) = found["consumers"]

    assert {"accepted": 60_000, "bad": 0} == rlp["valid"]
    assert END_NS - FROM_NS == 30 * DAY_NS
