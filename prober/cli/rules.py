"""`prober rules`: the daemon's alerts, for a Prometheus that scrapes it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import rich_click as click

from prober.clock import NS

if TYPE_CHECKING:
    from prober.config import Environment
    from prober.watch.rules import Objective

_HEADER = """\
# Recording and alerting rules of prober, by Sloth's names. Written by prober rules:
# prober watch raises the same alerts by itself, so page from one of them.
"""


@click.command("rules", short_help="The daemon's alerts, as rules of Prometheus.")
@click.argument("envs", nargs=-1, metavar="[ENV]...")
@click.option("--config", metavar="FILE", help="The configuration to read.")
def rules(envs: tuple[str, ...], config: str | None) -> None:
    """Print recording and alerting rules of Prometheus, as one file of YAML.

    For every environment that has an objective, or for those named. Rules that could
    never fire are left out, and told on standard error.
    """
    from prober.config import load
    from prober.watch.rules import document, refusals

    loaded = load(config)
    names = envs or tuple(loaded.environments)
    environments = {name: loaded.environment(name) for name in names}
    objectives = [*_objectives(environments)]
    for each in objectives:
        for words in refusals(each):
            click.echo(f"left out: {words}", err=True)
    cadences = {name: _every_s(each) for name, each in environments.items()}
    click.echo(_HEADER + _written(document(objectives, cadences)), nl=False)


def _objectives(environments: Mapping[str, "Environment"]) -> Iterator["Objective"]:
    from prober.watch.rules import Objective

    for name, environment in environments.items():
        if environment.objective is None:
            click.echo(f"left out: {name} has no objective to burn a budget", err=True)
            continue
        yield Objective(
            environment=name,
            target=environment.objective.target,
            window_s=environment.objective.window // NS,
            every_s=_every_s(environment),
        )


def _every_s(environment: "Environment") -> int:
    return max(1, environment.probe.every // NS)


def _written(document: object) -> str:
    """Return a document as YAML, with expressions of several lines as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they stand."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, width=88)
