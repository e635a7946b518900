"""The face of the package."""

import inspect
import subprocess
import sys

import pytest

from prober import slo


def test_all() -> None:
    """What is public is exactly what `__all__` names, in order."""
    public = [
        name
        for name, value in vars(slo).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    ]

    assert sorted(public) == slo.__all__


@pytest.mark.parametrize("name", slo.__all__)
def test_documented(name: str) -> None:
    """Every public name says what it is."""
    assert inspect.getdoc(getattr(slo, name))


@pytest.mark.parametrize(
    "what", ["import prober.slo", "import prober.cli", "import prober.cli.plan"]
)
def test_imports_are_light(what: str) -> None:
    """Neither the package nor the command line loads scipy, pandas or gRPC."""
    heavy = "{'scipy', 'pandas', 'grpc', 'google.protobuf'}"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; {what}; print({heavy} & set(sys.modules))",
        ],
        check=True,
        capture_output=True,
        text=True,
    )

    assert "set()" == done.stdout.strip()
