"""`prober init`: a commented configuration to start from, or an app to push."""

from importlib import resources
from pathlib import Path

import rich_click as click

from prober import __version__
from prober.errors import UsageError

_APP_FILES = ("manifest.yml", "Procfile", "requirements.txt", "prober.yaml")


@click.command("init", short_help="Writes a commented prober.yaml to start from.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default="prober.yaml",
    show_default=True,
    help="Where to.",
)
@click.option(
    "--cf-app",
    metavar="DIR",
    help="Write an app instead, for cf push: it measures its own logs from within.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(output: str, cf_app: str | None, *, force: bool) -> None:
    """Write a commented prober.yaml, which runs as it stands on the bundled stack.

    A foundation of your own stands in it as a comment. With --cf-app, write an app that
    measures the foundation it is pushed to, and needs no Firehose scope for that.
    """
    if cf_app is not None:
        _write_app(Path(cf_app), force=force)
        click.echo(f"wrote {cf_app}; push it: its manifest.yml says how")
        return
    from prober.config import sample

    _write(Path(output), sample(), force=force, other="-o FILE")
    click.echo(f"wrote {output}; try it with: prober config validate {output}")


def _write_app(folder: Path, *, force: bool) -> None:
    """Write the files of an app, all of them or none."""
    source = resources.files("prober.cli").joinpath("cf_app")
    texts = {name: source.joinpath(name).read_text("utf-8") for name in _APP_FILES}
    texts["requirements.txt"] = texts["requirements.txt"].format(version=__version__)
    there = [name for name in _APP_FILES if (folder / name).exists()]
    if there and not force:
        raise UsageError(
            f"{folder / there[0]} is there already: --force replaces it, --cf-app DIR "
            "writes elsewhere"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from error
    for name, text in texts.items():
        _write(folder / name, text, force=force, other="--cf-app DIR")


def _write(path: Path, text: str, *, force: bool, other: str) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already: --force replaces it, {other} writes another"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
