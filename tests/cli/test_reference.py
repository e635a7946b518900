"""`prober reference` as a user meets it: a process, its output and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import yaml

from prober import config
from prober.pipeline.faults import KINDS
from prober.rpc.loggregator_v2.envelope_pb2 import EnvelopeBatch
from prober.rpc.loggregator_v2.ingress_pb2_grpc import IngressStub
from tests.pipeline.clients import logs
from tests.processes import PIPES, line_with, started

COMMAND = [sys.executable, "-m", "prober", "reference"]


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, killed at last if it does not end by itself."""
    with started("reference", *options, **PIPES) as process:
        yield process


def ended(*options: str) -> subprocess.CompletedProcess[str]:
    """The command, which is to end by itself."""
    return subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=20, check=False
    )


def ready(process: subprocess.Popen[str]) -> dict[str, dict[str, dict[str, str]]]:
    """The environment that it tells as one line."""
    assert process.stdout is not None
    document = json.loads(process.stdout.readline())
    environment: dict[str, dict[str, dict[str, str]]]
    environment = document["environments"]["reference"]
    return environment


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_interrupted(number: signal.Signals) -> None:
    """One line of JSON is all that a client needs; a signal ends it with 0."""
    with running("--json") as process:
        environment = ready(process)
        end = environment["ingress"]["agent"]
        files = ("ca_file", "key_file", "cert_file")
        ca, key, certificate = (Path(end[file]).read_bytes() for file in files)
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        name = [("grpc.ssl_target_name_override", end["server_name"])]
        with grpc.secure_channel(end["address"], credentials, name) as channel:
            IngressStub(channel).Send(EnvelopeBatch(batch=logs([1])), timeout=10)
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)

    assert (process.returncode, output, errors) == (0, "", "")
    assert not Path(end["ca_file"]).exists()


def test_its_text_says_how_to_probe_it_and_holds_the_same_as_yaml() -> None:
    """A person reads addresses, a command to copy, and what goes into prober.yaml."""
    with running("--routers", "2") as process:
        assert process.stdout is not None
        text = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        text += process.stdout.read()

    start = text.index("environments:")
    environment = yaml.safe_load(text[start:])["environments"]["reference"]
    agent = environment["ingress"]["agent"]["address"]
    rlp = environment["consumers"]["rlp"]["rlp"]
    assert rlp["server_name"] == "reverselogproxy"
    assert f"prober run --agent {agent} --rlp {rlp['address']} --tls-dir" in text
    assert "router 2" in text


def test_it_writes_a_configuration_for_itself(tmp_path: Path) -> None:
    """It loads as it stands, has all three ways out, and keeps secrets out of sight."""
    file, directory = tmp_path / "prober.yaml", tmp_path / "tls"
    options = ("--json", "--write-config", str(file), "--tls-dir", str(directory))
    for _ in range(2):  # its own file it may write again
        with running(*options) as process:
            told = ready(process)
            loaded = config.load(file).environment("reference")
            process.terminate()
            process.communicate(timeout=10)

        gateway = loaded.consumers["gateway"].rlp_gateway
        firehose = loaded.consumers["v1"].firehose
        agent = loaded.ingress and loaded.ingress.agent
        assert list(loaded.consumers) == ["rlp", "gateway", "v1"]
        assert agent
        assert agent.metrics
        assert gateway
        assert gateway.uaa
        assert firehose
        assert firehose.uaa
        assert firehose.url.startswith("wss://127.0.0.1:")
        secret = directory / "client-secret"
        assert firehose.uaa.read_client_secret() == secret.read_text()
        assert secret.stat().st_mode & 0o777 == 0o600
        assert secret.read_text() not in file.read_text()
        assert secret.read_text() not in json.dumps(told)


def test_several_agents_are_several_ways_in(tmp_path: Path) -> None:
    """Each has an address and metrics of its own, in the text and in what it writes."""
    file = tmp_path / "prober.yaml"
    options = ("--agents", "3", "--write-config", str(file))
    with running(*options) as process:
        text = line_with("agent 3", process.stdout)
        loaded = config.load(file).environment("reference")

    assert loaded.ingress is not None
    agents = loaded.ingress.agents
    assert agents is not None
    assert 3 == len({each.address for each in agents})
    assert 3 == len({each.metrics and each.metrics.address for each in agents})
    assert agents[2].address in text


def test_ports_are_named_for_each_agent_or_none() -> None:
    """One sentence says how many there are of either."""
    with running("--agents", "2", "--agent-port", "1") as process:
        _, errors = process.communicate(timeout=30)

    assert 2 == process.returncode
    assert "there are 2 agents and 1 agent ports: name one for each" in errors


def test_a_configuration_of_others_is_not_overwritten(tmp_path: Path) -> None:
    """One sentence and exit 2, and the file is as it was."""
    file = tmp_path / "prober.yaml"
    file.write_text("environments: {}\n")
    done = ended("--write-config", str(file))

    assert done.returncode == 2
    assert done.stderr == (
        f"prober: {file} is there already, and not of `prober reference`: choose"
        " another file\n"
    )
    assert file.read_text() == "environments: {}\n"


def test_a_tls_directory_is_kept_and_reused(tmp_path: Path) -> None:
    """Clients keep their certificates from one run to the next."""
    directory = tmp_path / "tls"
    authorities = []
    for _ in range(2):
        with running("--json", "--tls-dir", str(directory)) as process:
            end = ready(process)["ingress"]["agent"]
            process.terminate()
            process.communicate(timeout=10)
        assert end["ca_file"] == str(directory / "ca.crt")
        authorities.append((directory / "ca.crt").read_bytes())

    assert authorities[0] == authorities[1]


def test_ports_and_sizes_are_as_asked() -> None:
    """The chosen address is the one that is told."""
    # Not one that the system gives to others, who are many when tests run side by side.
    with socket.create_server(("127.0.0.1", 20_000 + os.getpid() % 10_000)) as free:
        port = free.getsockname()[1]
    with running("--json", "--agent-port", str(port), "--agent-buffer", "5") as process:
        address = ready(process)["ingress"]["agent"]["address"]
        process.terminate()
        process.communicate(timeout=10)

    assert address == f"127.0.0.1:{port}"


def test_a_taken_port_is_one_sentence_and_exit_2() -> None:
    """No traceback, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ended("--rlp-port", str(port))

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"prober: the RLP cannot listen on 127.0.0.1:{port}, which is taken, or not"
        " open to this user: choose another port\n"
    )


@pytest.mark.parametrize("host", ["999.1.1.1", "192.0.2.1"])
def test_an_address_of_others_is_no_matter_of_ports(host: str) -> None:
    """What has to be another is said: the address."""
    done = ended("--listen", host)

    assert done.returncode == 2
    assert done.stderr == (
        f"prober: router 1 cannot listen on {host}, which is not an address of this"
        " machine: choose another address\n"
    )


def test_certificates_of_others_are_refused(tmp_path: Path) -> None:
    """One sentence and exit 2 for a directory that is not ours."""
    (tmp_path / "ca.crt").write_text("none")
    done = ended("--tls-dir", str(tmp_path))

    assert done.returncode == 2
    assert "ca.crt is not a certificate in PEM form" in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_misbehaves_when_it_is_told_to(tmp_path: Path) -> None:
    """Faults begin when it is up, in words on standard error, and are summed up."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("faults: [{fault: drop, where: agent, only: all, lap: 3}]\n")
    options = ("--json", "--fault", str(scenario), "--fault", "cut:where=rlp,after=1h")
    with running(*options) as process:
        environment = ready(process)
        end = environment["ingress"]["agent"]
        assert process.stderr is not None
        begun = process.stderr.readline()
        files = ("ca_file", "key_file", "cert_file")
        ca, key, certificate = (Path(end[file]).read_bytes() for file in files)
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        name = [("grpc.ssl_target_name_override", end["server_name"])]
        with grpc.secure_channel(end["address"], credentials, name) as channel:
            IngressStub(channel).Send(EnvelopeBatch(batch=logs(range(9))), timeout=10)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)

    assert begun[9:] == "drop at agent begins\n"
    assert errors[9:] == "drop at agent: met 3 envelopes\n"
    assert process.returncode == 0


def test_a_fault_that_cannot_be_is_told_before_anything_is_up() -> None:
    """Places that the stack does not have, and settings that are none: exit code 2."""
    for fault, words in (
        ("drop:where=router-3", "drop: there is no router-3 in this stack: choose"),
        ("drop:where=rlp,evry=3", "evry: no such setting; did you mean every?"),
    ):
        done = ended("--fault", fault)

        assert done.returncode == 2
        assert words in done.stderr
        assert done.stdout == ""


def test_faults_are_listed() -> None:
    """Each with what it takes; what may be left out stands in brackets."""
    done = ended("--list-faults")

    text = " ".join(done.stdout.split())
    assert "where window [only] [lasts] [after]" in text
    assert all(kind.value in text for kind in KINDS)
