"""`prober reference`: the bundled Loggregator alone, until interrupted."""

import asyncio
import dataclasses
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click
import yaml

from prober.cli import faults
from prober.errors import UsageError

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.pipeline.stack import ReferenceStack

_SERVER_NAMES = {"agent": "metron", "router": "doppler", "rlp": "reverselogproxy"}
_CLIENT_FILE = "client-secret"
_MARK = "# Written by `prober reference` for itself: good for as long as that runs.\n"
_EASY = {"probe": {"lost_after": "10s"}, "run": {"rate": "1000/s"}}
"""The stack is nobody else's, so a run need not be as careful as elsewhere."""
_PORT = click.IntRange(0, 65535)
_F = TypeVar("_F", bound=Callable[..., Any])
_SIZE = click.IntRange(min=1)


def _port(component: str, words: str, *, each: bool = False) -> Callable[[_F], _F]:
    """Return the option that gives a component, or each of several, its port."""
    return click.option(
        f"--{component}-port",
        type=_PORT,
        metavar="PORT",
        multiple=each,
        default=() if each else 0,
        panel="Where it listens",
        help=f"{words}  [default: any free {'ones' if each else 'one'}]",
    )


@click.command("reference", short_help="The bundled Loggregator alone, as a server.")
@click.option(
    "--agents",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    panel="The stack",
    help="How many agents, each as if on a machine of its own.",
)
@click.option(
    "--routers",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    panel="The stack",
    help="How many routers.",
)
@click.option(
    "--profile",
    type=click.Choice(["loggregator", "ideal"]),
    default="loggregator",
    show_default=True,
    panel="The stack",
    help="As the real one, or without its sleeps and with room in its buffers.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    panel="The stack",
    help="Of every random choice.",
)
@click.option(
    "--agent-buffer",
    type=_SIZE,
    metavar="N",
    panel="Buffers",
    help="Envelopes in the agent's ring.  [default: 10000]",
)
@click.option(
    "--router-buffer",
    type=_SIZE,
    metavar="N",
    panel="Buffers",
    help="Envelopes in a router's ingress ring.  [default: 10000]",
)
@click.option(
    "--subscription-buffer",
    type=_SIZE,
    metavar="N",
    panel="Buffers",
    help="Envelopes in the ring of each subscription in a router.  [default: 1000]",
)
@click.option(
    "--rlp-buffer",
    type=_SIZE,
    metavar="N",
    panel="Buffers",
    help="Envelopes that wait in the RLP for each consumer.  [default: 10000]",
)
@faults.options
@click.option(
    "--listen",
    metavar="HOST",
    default="127.0.0.1",
    show_default=True,
    panel="Where it listens",
    help="Address of every component.",
)
@_port("agent", "Of an agent; once for each agent.", each=True)
@_port("router", "Of a router; once for each router.", each=True)
@_port("rlp", "Of the RLP.")
@_port("gateway", "Of the RLP gateway.")
@_port("firehose", "Of the traffic controller.")
@_port("uaa", "Of the UAA.")
@_port("metrics", "Of the first agent's metrics.")
@click.option(
    "--tls-dir",
    metavar="DIR",
    panel="What it tells",
    help="Where certificates are kept and reused.  [default: made, and removed]",
)
@click.option(
    "--write-config",
    metavar="FILE",
    panel="What it tells",
    help="Write a prober.yaml for `prober run` and `prober check`.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    panel="What it tells",
    help="One line of JSON when ready: an environment as in prober.yaml.",
)
def reference(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001 - click's
    """Run the bundled Loggregator until interrupted, with all its doors open.

    It tells where to write to and read from, by gRPC, server-sent events or websocket,
    and which certificates and tokens that takes. Any Loggregator client can be its
    producer or its consumer. With --fault it misbehaves on purpose: for instance
    drop:where=rlp,every=10 or kill:where=router-1,after=30s,lasts=5s.
    """
    asyncio.run(_serve(options, as_json=as_json))


async def _serve(options: dict[str, Any], *, as_json: bool) -> None:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    if options["write_config"]:
        _refuse_to_overwrite(options["write_config"])
    async with _stack(options) as stack:
        environment = _environment(stack)
        if options["write_config"]:
            _write_config(options["write_config"], environment)
        if as_json:
            click.echo(json.dumps(environment))
        else:
            click.echo(_explanation(stack, environment, options))
        faults.begin(stack)
        await interrupted.wait()
        faults.sum_up(stack)


def _stack(options: dict[str, Any]) -> "ReferenceStack":
    from prober.pipeline.profile import named
    from prober.pipeline.stack import DOORS, ReferenceStack

    sizes = ("agent_buffer", "router_buffer", "subscription_buffer", "rlp_buffer")
    asked = {name: options[name] for name in sizes if options[name] is not None}
    return ReferenceStack(
        agents=options["agents"],
        routers=options["routers"],
        profile=dataclasses.replace(named(options["profile"]), **asked),
        seed=options["seed"],
        tls_dir=options["tls_dir"],
        host=options["listen"],
        agent_ports=options["agent_port"],
        router_ports=options["router_port"],
        rlp_port=options["rlp_port"],
        doors=DOORS,
        door_ports={name: options[f"{name}_port"] for name in (*DOORS, "uaa")},
        faults=faults.scenario(options["fault"], options["seed"]),
    )


def _environment(stack: "ReferenceStack") -> dict[str, Any]:
    """Return what a client needs, in the shape of an environment of `prober.yaml`."""
    directory = Path(stack.ends()["directory"])
    ca_file = str(directory / "ca.crt")
    client_id, secret = stack.uaa_client
    secret_file = directory / _CLIENT_FILE
    _write(secret_file, secret)

    def end(address: str, component: str) -> dict[str, Any]:
        tls = stack.client_tls(_SERVER_NAMES[component])
        return {
            "address": address,
            "server_name": tls.server_name,
            "ca_file": tls.ca_file,
            "cert_file": tls.cert_file,
            "key_file": tls.key_file,
        }

    def door(url: str) -> dict[str, Any]:
        uaa = {"url": stack.uaa_url, "ca_file": ca_file}
        client = {"client_id": client_id, "client_secret_file": str(secret_file)}
        return {"url": url, "ca_file": ca_file, "uaa": {**uaa, **client}}

    agents = [
        {**end(address, "agent"), "metrics": end(metrics or "", "agent")}
        for address, metrics in zip(
            stack.agent_addresses, stack.metrics_addresses, strict=True
        )
    ]
    ingress = {"agents": agents} if len(agents) > 1 else {"agent": agents[0]}
    consumers = {
        "rlp": {"rlp": end(stack.rlp_address, "rlp")},
        "gateway": {"rlp_gateway": door(stack.gateway_url)},
        "v1": {"firehose": door(stack.firehose_url)},
    }
    ends = {"ingress": ingress, "consumers": consumers}
    return {"environments": {"reference": {**ends, **_EASY}}}


def _write(file: Path, text: str) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(text)


def _refuse_to_overwrite(path: str) -> None:
    """Raise UsageError if a file is there that was not written here."""
    file = Path(path)
    try:
        if file.exists() and not file.read_text().startswith(_MARK):
            raise UsageError(
                f"{file} is there already, and not of `prober reference`: choose"
                " another file"
            )
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: choose another file") from error


def _write_config(path: str, environment: dict[str, Any]) -> None:
    try:
        Path(path).write_text(_MARK + yaml.safe_dump(environment, sort_keys=False))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}; choose another file"
        ) from error


def _explanation(
    stack: "ReferenceStack", environment: dict[str, Any], options: dict[str, Any]
) -> str:
    directory = stack.ends()["directory"]
    fate = "kept" if options["tls_dir"] else "removed at the end"
    agent, rlp = stack.agent_address, stack.rlp_address
    first = "agent 1" if options["agents"] > 1 else "the agent"
    agents = [
        f"  or to      {address}  agent {number}, its certificate says metron"
        for number, address in enumerate(stack.agent_addresses[1:], start=2)
    ]
    routers = [
        f"  or to      {address}  router {number}, its certificate says doppler"
        for number, address in enumerate(stack.router_addresses, start=1)
    ]
    lines = [
        "The reference Loggregator is up; Ctrl-C ends it.",
        "",
        f"  write to   {agent}  {first}, its certificate says metron",
        *agents,
        *routers,
        f"  read from  {rlp}  the RLP, its certificate says reverselogproxy",
        f"  or from    {stack.gateway_url}/v2/read  the RLP gateway, with a token",
        f"  or from    {stack.firehose_url}/firehose/NAME  version 1, with a token",
        f"  tokens     {stack.uaa_url}  client prober, its secret in client-secret",
        f"  metrics    https://{stack.metrics_address}/metrics  of {first}",
        f"  clients'   {directory}  ca.crt, client.crt, client.key; {fate}",
        "",
        "To probe it:",
        "",
        f"  {_command(agent, rlp, directory, options)}",
        "",
        "As an environment of prober.yaml:",
        "",
        yaml.safe_dump(environment, sort_keys=False),
    ]
    return "\n".join(lines)


def _command(agent: str, rlp: str, directory: str, options: dict[str, Any]) -> str:
    if options["write_config"]:
        return f"prober run reference --config {options['write_config']}"
    return f"prober run --agent {agent} --rlp {rlp} --tls-dir {directory}"
