"""The daemon's alerts as rules of Prometheus, held against a real one."""

import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.errors import UsageError
from prober.watch.rules import Objective, document, refusals
from tests import tools

OBJECTIVE = Objective(
    environment="prod", target=Decimal("0.999"), window_s=30 * 86_400, every_s=60
)


def promtool(*arguments: str, cwd: Path) -> str:
    """Run Prometheus' own tool, and return what it prints, good or bad."""
    path = tools.program("/usr/bin/promtool", "apt-get install prometheus")
    done = subprocess.run(
        [path, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def check(folder: Path, *objectives: Objective) -> str:
    """Write the rules of some objectives, and return what promtool makes of them."""
    cadences = {each.environment: each.every_s for each in objectives}
    rules = yaml.safe_dump(dict(document(objectives, cadences)))
    (folder / "rules.yml").write_text(rules)
    return promtool("check", "rules", "rules.yml", cwd=folder)


def test_prometheus_takes_them(tmp_path: Path) -> None:
    """A Prometheus finds nothing to say against the rules."""
    assert check(tmp_path, OBJECTIVE).startswith("0\n")


def test_a_hostile_name(tmp_path: Path) -> None:
    """A name with quotes, backslashes and braces stays a name."""
    hostile = Objective(
        environment='a"b\\{c}\n', target=Decimal("0.99"), window_s=7 * 86_400, every_s=5
    )

    assert check(tmp_path, hostile, OBJECTIVE).startswith("0\n")


SERIES = Path(__file__).with_name("rules_test.yml").read_text()


def fires(
    folder: Path,
    alert: str,
    *,
    lost: int = 0,
    cycles: int = 0,
    last: str = "0+60x400",
    ends: int = 10**9,
) -> str:
    """Return what promtool says when nothing is expected to fire after five hours."""
    check(folder, OBJECTIVE)
    filled = SERIES.replace("LOST", str(lost)).replace("CYCLES", str(cycles))
    filled = filled.replace("LAST", last).replace("ALERT", alert)
    filled = filled.replace("ENDS", str(ends))
    (folder / "test.yml").write_text(filled)
    return promtool("test", "rules", "test.yml", cwd=folder)


@pytest.mark.parametrize(
    ("lost", "cycles", "expected"),
    [(0, 0, ""), (8, 1, 'severity="page"'), (8, 0, "ticket")],
)
def test_burning(tmp_path: Path, lost: int, cycles: int, expected: str) -> None:
    """A loss of 2.6 % on one of two consumers pages, if cycles in plural are lossy."""
    said = fires(
        tmp_path, "FirehoseErrorBudgetBurn", lost=lost, cycles=cycles, last="0+60x400"
    )

    assert (not expected) == said.startswith("0\n")
    assert expected in said
    assert ("page" in expected) == ('severity="page"' in said)


@pytest.mark.parametrize(
    ("last", "expected"),
    [("0+60x400", False), ("0+60x200 12000x200", True), ("0x400", True)],
)
def test_no_data(tmp_path: Path, last: str, expected: bool) -> None:  # noqa: FBT001
    """An environment whose cycles stopped counting, or never did, is told."""
    said = fires(tmp_path, "ProbeNoData", lost=0, cycles=0, last=last)

    assert expected != said.startswith("0\n")


def test_what_could_never_fire() -> None:
    """Rules that no outage could set off are left out, with the reason."""
    loose = Objective(
        environment="lab", target=Decimal("0.9"), window_s=30 * 86_400, every_s=60
    )

    assert [] == refusals(OBJECTIVE)
    assert any("can never fire" in each for each in refusals(loose))


def test_a_window_without_rules() -> None:
    """A window for which there is no table of factors is refused in one sentence."""
    odd = Objective(
        environment="lab", target=Decimal("0.99"), window_s=11 * 86_400, every_s=60
    )
    with pytest.raises(UsageError, match=r"no burn-rate rules for a period of 11 days"):
        odd.rules()


CONFIG: dict[str, Any] = {
    "environments": {
        "prod": {"reference": {}, "objective": {"target": "99.9"}},
        "lab": {"reference": {}},
    }
}


def run(folder: Path, *arguments: str) -> Result:
    """Run the command with a configuration of two environments."""
    file = folder / "prober.yaml"
    file.write_text(yaml.safe_dump(CONFIG))
    return CliRunner().invoke(cli, ["rules", "--config", str(file), *arguments])


def test_the_command(tmp_path: Path) -> None:
    """It prints rules of all environments, and says which have no objective."""
    done = run(tmp_path)

    assert 0 == done.exit_code
    groups = [each["name"] for each in yaml.safe_load(done.stdout)["groups"]]
    assert 4 == len(groups)
    assert "left out: lab has no objective to burn a budget\n" == done.stderr
    (tmp_path / "rules.yml").write_text(done.stdout)
    assert promtool("check", "rules", "rules.yml", cwd=tmp_path).startswith("0\n")


def test_an_environment_that_is_not_there(tmp_path: Path) -> None:
    """A name that is not in the file is refused, with the nearest that is."""
    done = run(tmp_path, "prd")

    assert 0 != done.exit_code
    assert isinstance(done.exception, UsageError)
    assert "prod" in str(done.exception)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (5 * 3_600 + 14 * 86_400, ""),
        (5 * 3_600 + 86_400, "its certificate ends in 1d 0h 0m 0s"),
        (5 * 3_600 - 1, "its certificate has expired"),
    ],
)
def test_certificates(tmp_path: Path, ends: int, expected: str) -> None:
    """A fortnight before one ends, and when it has, a ticket says which it is."""
    said = fires(tmp_path, "ProbeCertificateExpiry", ends=ends)

    assert (not expected) == said.startswith("0\n")
    assert expected in said
