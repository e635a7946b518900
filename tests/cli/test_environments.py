"""`prober run ENV`: what the configuration says, what the command line overrides."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.test_run import document, prober, reference

KINDS = ("log", "counter", "gauge", "timer", "event")


def configuration(path: Path, ends: list[str], **changes: Any) -> Path:  # noqa: ANN401
    """Write a prober.yaml for a stack that runs, with changes to its environment."""
    agent, rlp, tls_dir = ends[1], ends[3], Path(ends[5])
    files = {
        "ca_file": str(tls_dir / "ca.crt"),
        "cert_file": str(tls_dir / "client.crt"),
        "key_file": str(tls_dir / "client.key"),
    }
    environment = {
        "ingress": {"agent": {"address": agent, **files}},
        "consumers": {"rlp": {"rlp": {"address": rlp, **files}}},
        "run": {"messages": 200, "cycles": 10, "rate": "500/s"},
        **changes,
    }
    file = path / "prober.yaml"
    file.write_text(yaml.safe_dump({"environments": {"here": environment}}))
    return file


def test_environment_is_probed_as_configured(tmp_path: Path) -> None:
    """Messages, cycles, rate and objective come from the file."""
    with reference() as ends:
        configuration(tmp_path, ends, objective={"target": "99"})
        done = prober("run", "here", "--json", cwd=tmp_path)

    told = document(done.stdout)
    assert (0, "met", "here") == (
        done.returncode,
        told["verdict"]["state"],
        told["run"]["environment"],
    )
    assert 200 == told["consumers"][0]["counts"]["accepted"]
    assert 10 == len(told["cycles"])
    assert "sending 200 messages of 100 bytes" in done.stderr
    assert "500/s for 0.4 s" in " ".join(done.stderr.split())


def test_who_names_none_is_told_of_the_file(tmp_path: Path) -> None:
    """Without ENV it is the bundled stack, and the file that was passed by is named."""
    file = tmp_path / "prober.yaml"
    file.write_text(yaml.safe_dump({"environments": {"here": {"reference": {}}}}))
    done = prober("run", "--messages", "100", cwd=tmp_path)

    assert 0 == done.returncode
    assert "for one of prober.yaml say prober run ENV" in done.stderr
    assert "prober.yaml" not in done.stdout


def test_command_line_overrides_the_configuration(tmp_path: Path) -> None:
    """What stands on the command line wins."""
    with reference() as ends:
        file = configuration(tmp_path, ends)
        done = prober(
            *("run", "here", "--config", str(file), "--messages", "50", "--json", "-")
        )

    assert 50 == document(done.stdout)["consumers"][0]["counts"]["accepted"]


def test_several_agents_and_consumers_share_the_messages(tmp_path: Path) -> None:
    """Batches go to the agents in turn; every consumer reads all of them."""
    with reference() as ends, reference() as others:
        file = configuration(tmp_path, ends)
        content = yaml.safe_load(file.read_text())
        here = content["environments"]["here"]
        one = here["ingress"].pop("agent")
        here["ingress"]["agents"] = [one, one]
        here["consumers"]["shared"] = {**here["consumers"]["rlp"], "readers": 3}
        file.write_text(yaml.safe_dump(content))
        assert others
        done = prober("run", "here", "--config", str(file), "--json", "-")

    told = document(done.stdout)
    counts = {each["name"]: each["counts"] for each in told["consumers"]}
    assert (200, 200) == (counts["rlp"]["on_time"], counts["shared"]["on_time"])
    assert [100, 100] == [each["accepted"] for each in told["writers"]]
    assert (200, 0, 0) == (
        told["across"]["messages"],
        told["across"]["lost_by_all"],
        told["across"]["lost_by_some"],
    )


def test_one_dead_consumer_of_two_is_told_apart(tmp_path: Path) -> None:
    """A consumer that cannot subscribe is unsure, and the other one is counted."""
    with reference() as ends:
        file = configuration(tmp_path, ends)
        content = yaml.safe_load(file.read_text())
        consumers = content["environments"]["here"]["consumers"]
        dead = {"rlp": {**consumers["rlp"]["rlp"], "address": "127.0.0.1:1"}}
        consumers["dead"] = dead
        content["environments"]["here"]["probe"] = {
            "lost_after": "1s",
            "late_after": "1s",
        }
        file.write_text(yaml.safe_dump(content))
        done = prober(
            "run", "here", "--config", str(file), "--slo", "99", "--json", "-"
        )

    told = document(done.stdout)
    states = {each["name"]: each["cycles"] for each in told["consumers"]}
    assert (10, 10) == (states["rlp"]["pass"], states["dead"]["inconclusive"])
    assert (3, "inconclusive") == (done.returncode, told["verdict"]["state"])
    assert any("nothing listens there" in words for words in told["warnings"])


def test_bundled_stack_can_be_an_environment(tmp_path: Path) -> None:
    """An environment may be the bundled stack, with more routers."""
    file = tmp_path / "prober.yaml"
    file.write_text("environments: {mine: {reference: {routers: 2}}}\n")
    done = prober(
        *("run", "mine", "--messages", "100", "--rate", "1000/s", "--json", "-"),
        cwd=tmp_path,
    )

    told = document(done.stdout)
    assert 100 == told["consumers"][0]["counts"]["accepted"]
    buffers = [each["buffer"] for each in told["reference_stack"]["buffers"]]
    assert "router 2 egress" in buffers


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("there",), "there is no environment 'there' in"),
        (
            (
                "here",
                "--agent",
                "127.0.0.1:1",
                "--rlp",
                "127.0.0.1:1",
                "--tls-dir",
                ".",
            ),
            "give either the environment here or --agent, not both",
        ),
        (
            ("here", "--rate", "5000/s"),
            "5,000 messages a second are beyond the limit of",
        ),
        (("here", "--messages", "200000"), "200,000 messages are beyond the limit of"),
        (
            ("here", "--messages", "200000", "--yes"),
            "raise environments.here.limits in",
        ),
        (("here", "--rate", "max"), "add --yes to agree"),
        (("--config", "prober.yaml"), "--config needs an environment of it"),
    ],
)
def test_what_cannot_be_asked_of_an_environment(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """Unknown names and runs beyond the limits are refused before anything is sent."""
    ends = ["--agent", "127.0.0.1:1", "--rlp", "127.0.0.1:2", "--tls-dir", "."]
    configuration(tmp_path, ends)

    done = prober("run", *arguments, cwd=tmp_path)

    assert 2 == done.returncode
    assert sentence in done.stderr


def test_run_that_loses_a_lot_stops_itself(tmp_path: Path) -> None:
    """After three cycles with more than a fifth lost, no more is sent."""
    with reference("--subscription-buffer", "2") as ends:
        file = configuration(
            tmp_path,
            ends,
            run={"messages": 20000, "cycles": 200, "rate": "1000/s"},
            probe={"late_after": "500ms", "lost_after": "1s"},
        )
        done = prober("run", "here", "--config", str(file), "--json", "-")

    told = json.loads(done.stdout)
    assert told["consumers"][0]["counts"]["attempted"] < 15_000
    assert any("stopped by ourselves" in words for words in told["warnings"])
    assert 0 == told["consumers"][0]["cycles"]["missed"]


def test_mixed_kinds_are_held_against_what_each_consumer_can_carry(
    tmp_path: Path,
) -> None:
    """Three ways out of the stack's own configuration: on v1 three kinds are expected.

    Nothing counts as lost that could not have come, and all got all is said.
    """
    file, report = tmp_path / "prober.yaml", tmp_path / "report.json"
    with reference("--write-config", str(file)):
        done = prober(
            *("run", "reference", "--config", str(file), "--messages", "500"),
            *("--rate", "200/s", "--cycles", "10", "--json", str(report)),
            *(word for kind in KINDS for word in ("--kind", kind)),
            *("--store", "none"),
        )

    told = document(report.read_text())
    counts = {each["name"]: each["counts"] for each in told["consumers"]}
    cannot = counts["v1"]["not_expected"]
    assert [(500, 0, 0), (500, 0, 0), (500 - cannot, 0, cannot)] == [
        (each["accepted"], each["lost"], each["not_expected"])
        for each in (counts["rlp"], counts["gateway"], counts["v1"])
    ]
    assert 100 < cannot < 300  # timers and events: about two of five
    assert (0, 0) == (told["across"]["lost_by_all"], told["across"]["lost_by_some"])
    shown = " ".join(done.stdout.split())
    assert f"v1: {cannot} not expected" in shown
    assert "side by side all consumers got all" in shown


@pytest.mark.parametrize(
    ("where", "by_all", "by_some", "words"),
    [
        ("agent", 50, 0, "lost by all 50 (before the fork,"),
        ("gateway", 0, 50, "lost by all 0; by some 50; by gateway alone 50 (its own"),
    ],
)
def test_loss_upstream_and_of_one_way_out_are_told_apart(
    tmp_path: Path, where: str, by_all: int, by_some: int, words: str
) -> None:
    """Each tenth message is dropped: before all three ways out part, or on one."""
    file, report = tmp_path / "prober.yaml", tmp_path / "report.json"
    fault = f"drop:where={where},every=10"
    with reference("--write-config", str(file), "--fault", fault):
        done = prober(
            *("run", "reference", "--config", str(file), "--messages", "500"),
            *("--rate", "200/s", "--cycles", "10", "--json", str(report)),
            *("--late-after", "3s", "--lost-after", "4s", "--store", "none"),
        )

    across = document(report.read_text())["across"]
    assert (by_all, by_some) == (across["lost_by_all"], across["lost_by_some"])
    assert words in " ".join(done.stdout.split())
