"""The command line: one file a command, one literal table of them.

Nothing heavy is imported before a command runs, so that help is there at once.
"""

import importlib

import rich_click as click

from prober import __version__
from prober.errors import ProberError

COMMANDS: dict[str, str] = {
    # Command -> module below prober.cli that defines it under its own name.
    "run": "one probe; without an environment against the bundled reference stack",
    "plan": "how many messages, how long, at what rate, for a claim",
    "reference": "the bundled Loggregator alone, as a server, until interrupted",
}


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

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error of ours becomes its sentence and its exit code."""
        try:
            return super().invoke(ctx)
        except ProberError as error:
            failure = click.ClickException(str(error))
            failure.exit_code = error.exit_code
            raise failure from error


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="prober")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Measure how many messages get through a log pipeline, in nines."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
