"""From the command to the browser: pages of real runs and of a history on disk."""

from pathlib import Path

import pytest

from tests import browser
from tests.cli import histories
from tests.cli.test_run import SHORT, prober


def check(url: str, *words: str) -> None:
    """See that a page says something, asks for nothing, and troubles nobody."""
    with browser.chromium() as running:
        for width in (360, 1280):
            with browser.visit(running, url, width=width) as seen:
                shown = seen.page.locator("main").inner_text()
                pictures = seen.page.locator("svg.chart:visible").count()
                found = browser.violations(seen.page)

            assert all(each in shown for each in words)
            assert pictures > 2
            assert [url] == [a for a in seen.requests if not a.startswith("data:")]
            assert not seen.complaints
            assert not found


def test_a_run_becomes_a_page(tmp_path: Path) -> None:
    """`prober run --report out.html` is a page that opens in a browser as it should."""
    file = tmp_path / "out.html"

    done = prober("run", *SHORT, "--slo", "99", "--report", str(file))

    assert 0 == done.returncode, done.stderr
    check(
        file.as_uri(), "WITHIN BUDGET", "None of 200 probe messages", "Cycles in order"
    )


def test_a_history_becomes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`prober report -o out.html` tells of every environment that was watched."""
    store, file = tmp_path / "history.sqlite", tmp_path / "out.html"
    histories.make(store)

    code = histories.called(
        monkeypatch,
        *("report", *histories.WINDOW, "--store", str(store), "-o", str(file)),
    )

    assert 0 == code
    check(file.as_uri(), "2 over budget", "prod_us", "deploy <b>v41</b>")
