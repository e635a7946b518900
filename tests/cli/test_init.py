"""`prober init` as people call it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.config import load, sample
from prober.errors import UsageError


def init(*arguments: str) -> Result:
    """Run `prober init` to its end; errors are raised."""
    return CliRunner().invoke(cli, ["init", *arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


def test_writes_a_configuration_that_loads() -> None:
    """What is written loads, and the next command to try is told."""
    told = init().output

    assert "wrote prober.yaml; try it with: prober config validate prober.yaml" in told
    assert ["reference"] == list(load().environments)


def test_output_goes_where_it_is_told() -> None:
    """`-o` names another file."""
    init("-o", "other.yaml")

    assert ["other.yaml"] == [path.name for path in Path.cwd().iterdir()]


def test_nothing_is_replaced_without_force() -> None:
    """A file that is there stays, unless `--force` says otherwise."""
    Path("prober.yaml").write_text("mine")

    with pytest.raises(UsageError) as caught:
        init()
    assert (
        "prober.yaml is there already: --force replaces it, -o FILE writes another"
        == str(caught.value)
    )
    assert "mine" == Path("prober.yaml").read_text()
    init("--force")
    assert sample() == Path("prober.yaml").read_text()


def test_file_that_cannot_be_written_is_told() -> None:
    """A folder that is not there is one sentence."""
    with pytest.raises(UsageError) as caught:
        init("-o", "nowhere/prober.yaml")

    expected = "cannot write nowhere/prober.yaml: No such file or directory"
    assert expected == str(caught.value)
