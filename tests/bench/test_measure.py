"""Measurements against null pipelines that run in processes of their own."""

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from prober.bench import measure, suite
from prober.bench.ends import Case, Setting, null
from prober.bench.results import Result
from prober.bench.timed import Stopped
from prober.clock import SystemClock
from prober.errors import CouldNotProbe


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a null pipeline."""
    directory = tmp_path_factory.mktemp("null")
    suite.provide(directory, SystemClock().now_ns())
    return directory


@pytest.fixture
def setting(certificates: Path) -> Setting:
    """A setting in which measurements are short."""
    return Setting(
        directory=certificates, seconds=0.2, clock=SystemClock(), stop=asyncio.Event()
    )


async def _all(cases: list[Case], setting: Setting) -> list[Result]:
    return [each async for each in suite.results(cases, setting)]


@pytest.mark.parametrize("case", suite.FULL, ids=str)
async def test_every_case_is_measured(case: Case, setting: Setting) -> None:
    """Each way out, each direction: something came, and it cost CPU and memory."""
    [result] = await _all([case], setting)

    assert (case.name, case.reader, case.tls) == (
        result.name,
        result.reader,
        result.tls,
    )
    assert 0 < result.envelopes_per_second
    assert 0 < result.cpu_seconds_per_million
    assert 10 < result.rss_mb
    assert (case.name == "both") == (result.trust_up_to is not None)


async def test_a_paced_probe_tells_the_floor(setting: Setting) -> None:
    """At a rate that any machine keeps, readings hold and latencies are told."""
    case = Case(name="both", reader="rlp", tls=True)

    holds, latency = await measure.paced(case, setting, 1_000)

    assert holds
    assert 0 < latency.p50 <= latency.p99
    assert 1_000 == latency.at_rate


async def test_a_rate_that_cannot_be_kept_does_not_hold(setting: Setting) -> None:
    """What was not sent in time proves nothing of such a rate."""
    case = Case(name="both", reader="rlp", tls=True)

    holds, _ = await measure.paced(case, setting, 100_000_000)

    assert not holds


async def test_a_stop_ends_the_bench_with_what_there_is(setting: Setting) -> None:
    """The measurement under way is worth nothing; those before stay."""
    cases = [Case(name="send", reader="rlp", tls=True)] * 3
    made = []

    async for result in suite.results(cases, setting):
        made.append(result)
        setting.stop.set()

    assert 1 == len(made)


@pytest.mark.parametrize("name", ["send", "receive", "both", "skim"])
async def test_every_measurement_can_be_stopped(name: str, setting: Setting) -> None:
    """A stop that is set before leaves nothing that could be taken for a result."""
    setting.stop.set()

    with pytest.raises(Stopped):
        await suite._MEASURES[name](Case(name=name, reader="rlp", tls=True), setting)


async def test_readings_that_never_hold_are_not_trusted(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates are halved some times, and then 0 is said rather than a wish."""
    rates = []

    async def never(case: Case, at: Setting, rate: float) -> tuple[bool, None]:
        del case, at
        rates.append(rate)
        return False, None

    monkeypatch.setattr(measure, "paced", never)
    case = Case(name="both", reader="rlp", tls=True)
    both = Result(
        name="both",
        reader="rlp",
        tls=True,
        envelopes_per_second=1_000_000,
        cpu_seconds_per_million=1.0,
        rss_mb=100.0,
    )

    judged = await suite._judged(case, both, [], setting)

    assert 0.0 == judged.trust_up_to
    assert [500_000, 250_000, 120_000, 60_000] == rates


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(487_213, 480_000), (99, 99), (12.7, 12), (0.4, 1), (0, 1), (1_000_000, 1e6)],
)
def test_rates_are_cut_off_to_two_figures(rate: float, expected: float) -> None:
    """Never rounded up: it is a promise."""
    assert expected == suite.round_down(rate)


async def test_a_null_pipeline_that_ends_is_told(setting: Setting) -> None:
    """A child that cannot even begin is one sentence, not an endless wait."""
    wrong = Setting(
        directory=Path("/nonexistent"),
        seconds=0.1,
        clock=setting.clock,
        stop=setting.stop,
    )

    with pytest.raises(CouldNotProbe, match="null pipeline's process ended by itself"):
        async with null(Case(name="send", reader="rlp", tls=True), "swallow", wrong):
            pass


def test_a_null_pipeline_ends_with_its_parent() -> None:
    """However abruptly: the pipe that the child inherited is closed by its end."""
    parent = textwrap.dedent("""
        import asyncio, os
        from prober.bench.ends import Case, Setting, null
        from prober.clock import SystemClock
        from pathlib import Path

        async def main():
            setting = Setting(
                directory=Path(), seconds=1, clock=SystemClock(), stop=asyncio.Event()
            )
            case = Case(name="send", reader="rlp", tls=False)
            async with null(case, "swallow", setting):
                os._exit(9)

        asyncio.run(main())
    """)
    done = subprocess.run(
        [sys.executable, "-c", parent],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (9, "") == (done.returncode, done.stderr)
