"""What tests share: the reference stack, and certificates that nobody trusts."""

import faulthandler
import gc
import os
import sys
import tempfile
import warnings

# Handshakes fail on purpose here: what gRPC's core prints of that is noise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# What commands write to history is written for the time of the tests.
_data = tempfile.TemporaryDirectory(prefix="prober-data-")
os.environ["XDG_DATA_HOME"] = _data.name

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from prober.pipeline.stack import ReferenceStack
from prober.records import Tls

# A slow machine is no counterexample, and a failure has to come back when it is sought.
settings.register_profile("prober", deadline=None, derandomize=True)
settings.load_profile("prober")


REAL_TIME = {
    *("bench", "calibration", "check", "cli", "egress", "end_to_end", "ingress"),
    *("legs", "pipeline", "probe", "watch"),
}
"""Folders of tests that use real sockets, processes and time."""
BUSY = "os.getloadavg()[0] > os.cpu_count()"
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and allow for a machine that is busy with others.

    What takes longest would be waited for alone at the end. And a probe whose machine
    had more to do than it could proves nothing: it is made again, and that is told.
    """
    items.sort(key=_own_limit, reverse=True)
    again = pytest.mark.flaky(reruns=2, condition=BUSY)
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in REAL_TIME:
            item.add_marker(again)


def _own_limit(item: pytest.Item) -> float:
    own = item.get_closest_marker("timeout")
    return float(own.args[0]) if own is not None else 0


class _Aloud:
    """Names what failed at once: a run that is cut short has no summary."""

    def __init__(self, screen: pytest.TerminalReporter) -> None:
        self._screen = screen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a failure, with the first line of why."""
        if report.outcome in ("failed", "rerun"):
            lines = report.longreprtext.strip().splitlines() or ["without words"]
            why = next((line for line in lines if line.startswith("E ")), lines[-1])
            told = f"{report.outcome} {report.nodeid} ({report.when}): {why}"
            self._screen.write(f"\n{told}\n")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let whoever conducts the tests tell of failures as they happen."""
    screen = config.pluginmanager.get_plugin("terminalreporter")
    if screen is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(_Aloud(screen))


STANDSTILL = 60.0
"""Seconds beyond a test's limit until its worker is given up, every stack told."""


def _give_up_later(item: pytest.Item) -> None:
    """Limit one phase of a test by a means that nothing in it can hold up.

    The limit of a test is a signal, which ends with the first failure: what is cleaned
    up after one, and made again, would have none, and one test could stand for ever.
    """
    seconds = STANDSTILL + (_own_limit(item) or float(item.config.getini("timeout")))
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Limit what prepares a test."""
    _give_up_later(item)


_FAILED = pytest.StashKey[bool]()
"""A test of this process failed, and what it had open is not collected yet."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what failed."""
    report = yield
    if report.failed:
        item.config.stash[_FAILED] = True
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Limit a test, which is not to answer for what a failed one left open."""
    if item.config.stash.get(_FAILED, False):
        item.config.stash[_FAILED] = False
        for name in ("last_type", "last_value", "last_traceback"):
            vars(sys).pop(name, None)  # they hold all frames of what failed
        with warnings.catch_warnings(action="ignore"):
            gc.collect()
    _give_up_later(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Limit what cleans up after a test."""
    _give_up_later(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture
async def stack() -> AsyncIterator[ReferenceStack]:
    """A reference stack with one router, as Loggregator behaves."""
    async with ReferenceStack(track=("prober", "0")) as running:
        yield running


@pytest.fixture
def stranger(tmp_path: Path) -> Tls:
    """A client certificate of a CA that no stack knows; it does trust only that CA."""
    authority = trustme.CA()
    certificate = authority.issue_cert("client")
    files = {name: tmp_path / f"stranger-{name}" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(files["ca"])
    certificate.cert_chain_pems[0].write_to_path(files["cert"])
    certificate.private_key_pem.write_to_path(files["key"])
    return Tls(
        ca_file=str(files["ca"]),
        cert_file=str(files["cert"]),
        key_file=str(files["key"]),
        server_name="metron",
    )
