"""`prober init --cf-app`: an app that can be pushed as it is."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from prober import __version__
from prober.cli import cli
from prober.config import load
from prober.errors import UsageError
from prober.ingress import stdout
from prober.plan import Plan

GUID = "34bcfafc-402b-4bb4-84db-aea5401b79eb"
VARIABLES = {
    "SYSTEM_DOMAIN": "sys.example.com",
    "PROBER_USERNAME": "somebody",
    "PROBER_PASSWORD": "secret",
}


def init(*arguments: str) -> Result:
    """Run `prober init` to its end; errors are raised."""
    return CliRunner().invoke(cli, ["init", *arguments], catch_exceptions=False)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app as it is written."""
    folder = tmp_path / "some" / "app"
    assert f"wrote {folder}; push it" in init("--cf-app", str(folder)).output
    return folder


def test_everything_that_cf_push_needs_is_there(app: Path) -> None:
    """Manifest, process, requirements and configuration, and nothing else."""
    names = {"manifest.yml", "Procfile", "requirements.txt", "prober.yaml"}
    assert names == {path.name for path in app.iterdir()}
    required = (app / "requirements.txt").read_text()
    assert f"loggregator-prober=={__version__}\n" == required
    # The platform reads it as YAML.
    processes = yaml.safe_load((app / "Procfile").read_text())
    assert ["web"] == list(processes)
    assert processes["web"].startswith("prober run self; echo")
    assert processes["web"].endswith(">&2; exec sleep 2147483647")


def test_configuration_writes_to_stdout_and_reads_itself(app: Path) -> None:
    """The configuration loads, given the variables that the manifest names."""
    environment = load(app / "prober.yaml", environ=VARIABLES).environment("self")

    assert environment.ingress is not None
    assert environment.ingress.stdout is not None
    (gateway,) = environment.consumers.values()
    assert gateway.rlp_gateway is not None
    assert "https://log-stream.sys.example.com" == str(gateway.rlp_gateway.url)
    assert not environment.probe.whole_firehose


def test_plan_is_within_half_of_the_manifests_limit(app: Path) -> None:
    """What is written runs as it stands: the limit is told, and it is kept."""
    (pushed,) = yaml.safe_load((app / "manifest.yml").read_text())["applications"]
    environ = {
        **{name: str(value) for name, value in pushed["env"].items()},
        "VCAP_APPLICATION": json.dumps({"application_id": GUID}),
    }
    me = stdout.app(environ)
    environment = load(app / "prober.yaml", environ=VARIABLES).environment("self")
    plan = Plan(
        messages=environment.run.messages,
        cycles=environment.run.cycles,
        rate=Fraction(environment.run.rate or 0),
        sizes=environment.probe.size,
        kinds=environment.probe.kinds,
        source_id=me.guid,
        seed=1,
    )

    assert 64 << 10 == me.log_rate
    stdout.check(plan, me, whole_firehose=environment.probe.whole_firehose)
    assert pushed["log-rate-limit-per-second"] == environ["PROBER_LOG_RATE_LIMIT"]
    assert pushed["no-route"]
    assert "process" == pushed["health-check-type"]


def test_nothing_is_replaced_without_force(app: Path) -> None:
    """Files that are there stay as they are, all of them, unless `--force` is given."""
    (app / "Procfile").unlink()
    with pytest.raises(UsageError, match=r"manifest\.yml is there already: --force"):
        init("--cf-app", str(app))
    assert not (app / "Procfile").exists()

    init("--cf-app", str(app), "--force")
    assert (app / "Procfile").exists()


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    """A folder that cannot be made is named, with the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make .*file/app: Not a directory"):
        init("--cf-app", str(tmp_path / "file" / "app"))
