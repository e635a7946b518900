"""`prober config`: what is wrong with the configuration, and what is in effect."""

import json

import rich_click as click

_FILE = click.argument("file", required=False)
_CONFIG = click.option(
    "--config", "option", metavar="FILE", help="The same as FILE, as everywhere."
)


@click.group("config", short_help="Validates the configuration, and shows it.")
def config() -> None:
    """Validate prober.yaml, show what is in effect, or help an editor to write it.

    Without FILE that is ./prober.yaml, or else the one in the user's configuration
    directory.
    """


@config.command("validate", short_help="Finds every mistake at once.")
@_FILE
@_CONFIG
def validate(file: str | None, option: str | None) -> None:
    """Find every mistake in the configuration, each with its line.

    Certificates and secrets in files are not looked at, nor is anything connected to:
    that is what `prober check` does. Exit codes: 0 valid, 2 not.
    """
    from prober.config import load

    loaded = load(file or option)
    click.echo(f"{loaded.path} is valid: {', '.join(loaded.environments)}")


@config.command("show", short_help="What is in effect, defaults filled in.")
@_FILE
@_CONFIG
def show(file: str | None, option: str | None) -> None:
    """Print what is in effect, defaults filled in, as YAML that loads again.

    Whatever comes from environment variables is shown by their names.
    """
    from prober.config import load

    click.echo(load(file or option).show(), nl=False)


@config.command("schema", short_help="A JSON Schema, for editors.")
def schema() -> None:
    """Print the JSON Schema of prober.yaml, with which editors complete and check."""
    from prober.config.schema import schema as document

    click.echo(json.dumps(document(), indent=2))
