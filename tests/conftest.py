"""What tests share: the reference stack, and certificates that nobody trusts."""

import os
import tempfile

# What is remembered of this machine and its user is nobody's business here.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="prober-tests-")
# Handshakes fail on purpose here: what gRPC's core prints of that is noise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# What commands write to history is written for the time of the tests.
_data = tempfile.TemporaryDirectory(prefix="prober-data-")
os.environ["XDG_DATA_HOME"] = _data.name

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from prober.pipeline.stack import ReferenceStack
from prober.records import Tls

# A slow machine is no counterexample, and a failure has to come back when it is sought.
settings.register_profile("prober", deadline=None, derandomize=True)
settings.load_profile("prober")


REAL_TIME = {"bench", "calibration", "cli", "end_to_end", "legs", "pipeline", "watch"}
"""Folders of tests that use real sockets, processes and time."""
BUSY = "os.getloadavg()[0] > os.cpu_count()"
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and allow for a machine that is busy with others.

    What takes longest would be waited for alone at the end. And a probe whose machine
    had more to do than it could proves nothing: it is made again, and that is told.
    """

    def limit(item: pytest.Item) -> float:
        own = item.get_closest_marker("timeout")
        return float(own.args[0]) if own is not None else 0

    items.sort(key=limit, reverse=True)
    again = pytest.mark.flaky(reruns=2, condition=BUSY)
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in REAL_TIME:
            item.add_marker(again)


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
