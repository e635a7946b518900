"""`prober config` as people and scripts call it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.errors import UsageError
from tests.processes import started

VALID = "environments:\n  lab:\n    reference:\n    probe: {source_id: '${ID}'}\n"


def config(*arguments: str) -> Result:
    """Run `prober config` to its end; errors are raised."""
    return CliRunner().invoke(cli, ["config", *arguments], catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A valid configuration in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ID", "prober-of-the-environment")
    path = Path("prober.yaml")
    path.write_text(VALID)
    return path


@pytest.mark.parametrize(
    "arguments", [(), ("prober.yaml",), ("--config", "prober.yaml")]
)
def test_validate_names_the_file_and_its_environments(
    file: Path, arguments: tuple[str, ...]
) -> None:
    """A valid file is told by name, however it was found."""
    assert f"{file} is valid: lab\n" == config("validate", *arguments).output


def test_validate_exits_2_with_every_mistake(file: Path) -> None:
    """Mistakes go to standard error, one a line, and nothing else anywhere."""
    file.write_text("environments:\n  lab: {reference: {router: 1}, prob: {}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "prober", "config", "validate"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (2, "") == (done.returncode, done.stdout)
    path = "prober.yaml:2: environments.lab"
    assert [
        "prober: 2 mistakes in the configuration",
        f"{path}.reference.router: no such setting; did you mean routers?",
        f"{path}.prob: no such setting; did you mean probe?",
    ] == done.stderr.splitlines()


def test_show_fills_defaults_in_and_loads_again(file: Path) -> None:
    """What is in effect is YAML for a file, in which variables keep their names."""
    shown = config("show").output

    lab = yaml.safe_load(shown)["environments"]["lab"]
    assert ("10s", "2000/s") == (lab["probe"]["lost_after"], lab["run"]["rate"])
    assert "${ID}" == lab["probe"]["source_id"]
    file.write_text(shown)
    assert shown == config("show").output


def test_schema_is_a_json_schema(file: Path) -> None:
    """The schema holds of a valid file, and stands alone on standard output."""
    schema = json.loads(config("schema").output)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(file.read_text()), schema)


def test_without_a_file_the_way_to_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has no configuration is told how to get one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    with pytest.raises(UsageError, match=re.escape("write one with `prober init`")):
        config("show")


def test_what_prober_reference_prints_is_a_configuration(file: Path) -> None:
    """The environment that `prober reference` tells of itself loads as it stands."""
    with started("reference", "--json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        file.write_text(process.stdout.readline())

    assert f"{file} is valid: reference\n" == config("validate").output


def test_help_is_there_without_the_heavy_parts() -> None:
    """Neither help nor the list of commands imports what checks configurations."""
    code = (
        "import sys; from prober.cli import cli\n"
        "cli.main(['config', 'show', '--help'], standalone_mode=False)\n"
        "cli.main(['init', '--help'], standalone_mode=False)\n"
        "assert not {'pydantic', 'yaml', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "--config" in done.stdout
