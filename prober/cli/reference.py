"""`prober reference`: the bundled Loggregator alone, until interrupted."""

import asyncio
import dataclasses
import json
import signal
from typing import TYPE_CHECKING, Any

import rich_click as click
import yaml

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.pipeline.stack import ReferenceStack

_SERVER_NAMES = {"agent": "metron", "router": "doppler", "rlp": "reverselogproxy"}
_PORT = click.IntRange(0, 65535)
_SIZE = click.IntRange(min=1)


@click.command("reference", short_help="The bundled Loggregator alone, as a server.")
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
@click.option(
    "--listen",
    metavar="HOST",
    default="127.0.0.1",
    show_default=True,
    panel="Where it listens",
    help="Address of every component.",
)
@click.option(
    "--agent-port",
    type=_PORT,
    metavar="PORT",
    default=0,
    panel="Where it listens",
    help="Of the agent.  [default: any free one]",
)
@click.option(
    "--router-port",
    type=_PORT,
    metavar="PORT",
    multiple=True,
    panel="Where it listens",
    help="Of a router; once for each router.  [default: any free ones]",
)
@click.option(
    "--rlp-port",
    type=_PORT,
    metavar="PORT",
    default=0,
    panel="Where it listens",
    help="Of the RLP.  [default: any free one]",
)
@click.option(
    "--tls-dir",
    metavar="DIR",
    panel="What it tells",
    help="Where certificates are kept and reused.  [default: made, and removed]",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    panel="What it tells",
    help="One line of JSON when ready: an environment as in prober.yaml.",
)
def reference(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001 - click's
    """Run the bundled Loggregator, agent, routers and RLP, until interrupted.

    It tells where to write to and read from, and which certificates that takes. Any
    Loggregator v2 client can be its producer or its consumer.
    """
    asyncio.run(_serve(options, as_json=as_json))


async def _serve(options: dict[str, Any], *, as_json: bool) -> None:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    async with _stack(options) as stack:
        environment = _environment(stack)
        if as_json:
            click.echo(json.dumps(environment))
        else:
            click.echo(_explanation(stack, environment, options))
        await interrupted.wait()


def _stack(options: dict[str, Any]) -> "ReferenceStack":
    from prober.pipeline.profile import named
    from prober.pipeline.stack import ReferenceStack

    sizes = ("agent_buffer", "router_buffer", "subscription_buffer", "rlp_buffer")
    asked = {name: options[name] for name in sizes if options[name] is not None}
    return ReferenceStack(
        routers=options["routers"],
        profile=dataclasses.replace(named(options["profile"]), **asked),
        seed=options["seed"],
        tls_dir=options["tls_dir"],
        host=options["listen"],
        agent_port=options["agent_port"],
        router_ports=options["router_port"],
        rlp_port=options["rlp_port"],
    )


def _environment(stack: "ReferenceStack") -> dict[str, Any]:
    """Return what a client needs, in the shape of an environment of `prober.yaml`."""

    def end(address: str, component: str) -> dict[str, str]:
        tls = stack.client_tls(_SERVER_NAMES[component])
        return {
            "address": address,
            "server_name": tls.server_name,
            "ca_file": tls.ca_file,
            "cert_file": tls.cert_file,
            "key_file": tls.key_file,
        }

    return {
        "environments": {
            "reference": {
                "ingress": {"agent": end(stack.agent_address, "agent")},
                "consumers": {"rlp": {"rlp": end(stack.rlp_address, "rlp")}},
            }
        }
    }


def _explanation(
    stack: "ReferenceStack", environment: dict[str, Any], options: dict[str, Any]
) -> str:
    directory = stack.ends()["directory"]
    fate = "kept" if options["tls_dir"] else "removed at the end"
    agent, rlp = stack.agent_address, stack.rlp_address
    routers = [
        f"  or to      {address}  router {number}, its certificate says doppler"
        for number, address in enumerate(stack.router_addresses, start=1)
    ]
    lines = [
        "The reference Loggregator is up; Ctrl-C ends it.",
        "",
        f"  write to   {agent}  the agent, its certificate says metron",
        *routers,
        f"  read from  {rlp}  the RLP, its certificate says reverselogproxy",
        f"  clients'   {directory}  ca.crt, client.crt, client.key; {fate}",
        "",
        "To probe it:",
        "",
        f"  prober run --agent {agent} --rlp {rlp} --tls-dir {directory}",
        "",
        "As an environment of prober.yaml:",
        "",
        yaml.safe_dump(environment, sort_keys=False),
    ]
    return "\n".join(lines)
