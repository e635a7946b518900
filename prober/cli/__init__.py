"""The command line: one file a command, one literal table of them.

Nothing heavy is imported before a command runs, so that help is there at once.
"""

import importlib

import rich_click as click

from prober import __version__

COMMANDS = (
    # Each is defined, under its own name, in the module of that name beside this one.
    "run",
    "watch",
    "status",
    "check",
    "audit",
    "history",
    "annotate",
    "report",
    "compare",
    "plan",
    "rules",
    "reference",
    "bench",
    "calibrate",
    "init",
    "config",
)


class _Commands(click.RichGroup):
    """The table's commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"prober.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table's promise
        return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="prober")
@click.pass_context
def cli(ctx: click.RichContext) -> None:
    """Measure how many messages get through a log pipeline, in nines."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
