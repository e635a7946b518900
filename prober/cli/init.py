"""`prober init`: a commented configuration to start from."""

from pathlib import Path

import rich_click as click

from prober.errors import UsageError


@click.command("init", short_help="Writes a commented prober.yaml to start from.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default="prober.yaml",
    show_default=True,
    help="Where to.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(output: str, *, force: bool) -> None:
    """Write a commented prober.yaml, which runs as it stands on the bundled stack.

    A foundation of your own stands in it as a comment.
    """
    from prober.config import sample

    try:
        with Path(output).open("w" if force else "x", encoding="utf-8") as file:
            file.write(sample())
    except FileExistsError:
        raise UsageError(
            f"{output} is there already: --force replaces it, -o FILE writes another"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"wrote {output}; try it with: prober config validate {output}")
