"""The README is true: its examples run, and its commands are those that CI runs."""

import doctest
import re
from pathlib import Path

import pytest

from prober.errors import UsageError
from prober.stamp import WIDTH

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_python_examples_run() -> None:
    """Every Python example gives what the README says."""
    outcome = doctest.testfile(str(ROOT / "README.md"), module_relative=False)

    assert outcome.attempted > 5
    assert 0 == outcome.failed


def test_two_commands_do_everything() -> None:
    """The first command installs and runs the main job, the second one tests."""
    commands = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
    ci = (ROOT / ".ci/run").read_text()

    assert ["pip install -e '.[test]' && prober run", "pytest"] == commands[:2]
    assert "-e '.[test]'" in ci
    assert "\nprober run\n" in ci
    assert ci.endswith("\npytest\n")


def test_linked_files_exist() -> None:
    """No link within the project leads nowhere."""
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)

    assert [] == [link for link in links if not (ROOT / link).exists()]


@pytest.mark.parametrize("option", ["--agent", "--rlp", "--tls-dir", "--slo", "--rate"])
def test_options_exist(option: str) -> None:
    """Options that the README names are options of the command."""
    from prober.cli.run import run

    assert option in {name for each in run.params for name in each.opts}


def test_exit_codes_are_those_of_the_errors() -> None:
    """The table of exit codes agrees with the code."""
    assert f"| {UsageError.exit_code} | a bad option" in README


def test_size_of_a_stamp_is_told_in_help() -> None:
    """The help text of `--size` names the stamp's true width."""
    from prober.cli.run import run

    (size,) = (each for each in run.params if each.name == "size")
    assert f"the stamp takes {WIDTH}" in str(getattr(size, "help", ""))
