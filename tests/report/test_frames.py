"""Frames for notebooks: columns, dtypes, units, and sums that stay exact."""

import dataclasses
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from prober.history import HOUR_NS
from prober.records import Counts, State
from prober.report import frames
from prober.report.environment import EnvironmentReport, build_environment
from tests.report import histories, samples
from tests.report.test_comparison import record

TIME = "datetime64[ns, UTC]"


@pytest.fixture(scope="module")
def month() -> EnvironmentReport:
    """Return the worked example's report."""
    return build_environment(histories.month())


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    """Return the type of each column, by its name."""
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def test_cycles_have_their_columns() -> None:
    """A row a cycle and consumer, open ones too, each column of one type."""
    found = frames.cycles([record(0, State.LOSS, 7), record(1, None)])

    assert list(frames.CYCLES) == list(found.columns)
    types = dtypes(found)
    assert ["str", "int64", TIME] == [types[n] for n in ("state", "lost", "final")]
    assert [7, 0] == found["bad"].tolist()
    assert [False, True] == found["state"].isna().tolist()
    assert found["final"].isna().tolist() == found["state"].isna().tolist()


def test_cycles_of_a_run_are_alike() -> None:
    """A run's cycles have the same columns; those that do not count have no bad."""
    found = frames.cycles_of_run(samples.inconclusive())

    assert list(frames.CYCLES) == list(found.columns)
    assert (40, 8) == (len(found), found["bad"].sum())
    assert dtypes(frames.cycles([])) == dtypes(found)


def test_empty_frames_keep_their_types() -> None:
    """Nothing is a frame without rows, whose columns are what they always are."""
    assert dtypes(frames.windows([])) == dtypes(
        frames.windows([build_environment(histories.month())])
    )
    assert list(frames.LATENCY) == list(frames.latency([]).columns)


def test_windows_by_hour(month: EnvironmentReport) -> None:
    """Hours hold what the report holds, with percentiles in seconds."""
    found = frames.windows([month])

    assert [*frames.WINDOWS, *frames.PERCENTILES] == list(found.columns)
    assert (720, 13_355, 42_999_400) == (
        len(found),
        found["bad"].sum(),
        found["accepted"].sum(),
    )
    assert (10_000, 150_000) == (found["unseen"].sum(), found["unsure"].sum())
    assert 0.22 == found["max_s"].max()
    assert 2 == found["sli"].isna().sum()  # hours in which no cycle could tell


@pytest.mark.parametrize(("every", "rows"), [("1D", 30), ("6h", 120), ("7D", 5)])
def test_windows_resampled(month: EnvironmentReport, every: str, rows: int) -> None:
    """Counts add over any length, and ratios are divided after that."""
    found = frames.windows([month], every=every)

    assert rows == len(found)
    assert 13_355 == found["bad"].sum()
    assert 9_800 <= found["bad"].max()
    assert 1_000 == found["largest_loss"].max()
    good = found["accepted"] - found["bad"]
    assert np.allclose(good / found["accepted"], found["sli"])
    assert ("p50_s" in found.columns) == (every == "1D")
    assert (found["end"] > found["start"]).all()


def test_unknown_lengths_are_refused(month: EnvironmentReport) -> None:
    """A length that pandas does not know is a ValueError of its own."""
    with pytest.raises(ValueError, match="unit abbreviation"):
        frames.windows([month], every="soon")


def test_counts_stay_integers() -> None:
    """What a database summed up as decimals becomes whole numbers again, exactly."""
    many = 2**60 + 1
    summed = Counts(
        attempted=Decimal(many),  # type: ignore[arg-type]
        accepted=Decimal(many),  # type: ignore[arg-type]
        on_time=Decimal(many),  # type: ignore[arg-type]
    )
    found = frames.cycles([dataclasses.replace(record(0, State.PASS), counts=summed)])

    assert many == found["accepted"][0]
    assert "int64" == str(found["accepted"].dtype)


def test_latency_is_tidy() -> None:
    """Buckets of hours add up to what arrived, and give its percentiles."""
    history = histories.history(
        [histories.hour(histories.at(1, 1 + h)) for h in (0, 1)]
    )
    found = frames.latency([history])

    assert list(frames.LATENCY) == list(found.columns)
    assert 120_000 == found["count"].sum()
    totals = found.groupby("up_to_s")["count"].sum().sort_index().cumsum()
    assert 0.003145727 == totals.index[totals >= 0.5 * 120_000][0]
    assert 2 == found["start"].nunique()
    assert HOUR_NS == (found["start"].max() - found["start"].min()).value
