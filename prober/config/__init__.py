"""The configuration: one YAML file, read once, and checked as a whole at the edge.

    load → read (bytes to a tree) → merge defaults → check (the tree to models)

Every mistake is collected on the way and told at once. What the environment's variables
hold is never shown; the file's own text is.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import click
import yaml

from prober.config import checking, reading, tree, variables
from prober.config.file import Alerts, File, PageTls, Watch
from prober.config.mistakes import Mistakes
from prober.config.models import Environment
from prober.errors import UsageError

__all__ = [
    "FILE_NAME",
    "Alerts",
    "Config",
    "Environment",
    "PageTls",
    "Watch",
    "find",
    "load",
    "passed_by",
    "sample",
]

FILE_NAME = "prober.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The environments of one file, by name, defaults filled in."""

    path: Path
    environments: Mapping[str, Environment]
    effective: Mapping[str, Any]
    """The same as plain data, as the file could say it; secrets by their references."""
    watch: Watch = field(default_factory=Watch)
    alerts: Alerts = field(default_factory=Alerts)
    """How the daemon serves, and leaves."""
    store: str | None = field(default=None, repr=False)
    """Where history is kept, if the file says so: a path, or a URL with a password."""

    def environment(self, name: str) -> Environment:
        """Return one environment; raises UsageError for an unknown name."""
        if name in self.environments:
            return self.environments[name]
        near = difflib.get_close_matches(name, self.environments, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        known = ", ".join(self.environments)
        raise UsageError(
            f"there is no environment {name!r} in {self.path}: {hint}It has {known}"
        )

    def show(self) -> str:
        """Return the configuration as YAML that loads again to the same."""
        return yaml.safe_dump(
            dict(self.effective), sort_keys=False, allow_unicode=True, width=88
        )


def find(path: str | Path | None = None) -> Path | None:
    """Return the file to load: the one given, the working directory's, or the user's.

    None if none was given, and there is none. Files are never merged.
    """
    if path is not None:
        return Path(path)
    return next((each for each in _places() if each.is_file()), None)


def passed_by(command: str) -> str:
    """Return a sentence for who gave no environment although there is a file of them.

    Empty where there is none.
    """
    file = find()
    if file is None:
        return ""
    return (
        f"no environment was named, so this is the bundled stack; for one of {file} "
        f"say prober {command} ENV"
    )


def _places() -> tuple[Path, ...]:
    return Path(FILE_NAME), Path(click.get_app_dir("prober"), FILE_NAME)


def load(
    path: str | Path | None = None, *, environ: Mapping[str, str] | None = None
) -> Config:
    """Return the configuration in a file, by default the one that `find` finds.

    Raises UsageError with every mistake in it, or if there is no file.
    """
    file = find(path)
    if file is None:
        looked = " and ".join(str(each) for each in _places())
        raise UsageError(
            f"there is no configuration in {looked}: write one with `prober init`, or "
            "name one with --config"
        )
    mistakes = Mistakes()
    read = reading.read(
        _bytes(file), os.environ if environ is None else environ, mistakes
    )
    root = checking.document(read, mistakes)
    folder = file.parent.absolute()
    checked = checking.check(root, folder, mistakes) if root else None
    mistakes.check(file)
    assert root is not None and checked is not None  # noqa: S101, PT018 - else a mistake
    return Config(
        path=file,
        environments=checked.environments,
        effective=_effective(root, checked, folder),
        watch=checked.watch,
        alerts=checked.alerts,
        store=None if checked.store is None else str(checked.store),
    )


def _bytes(file: Path) -> bytes:
    """Read a file, and no more of it than can be a configuration."""
    try:
        with file.open("rb") as opened:
            return opened.read(reading.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the configuration {file}: {reason}") from None


def _effective(root: tree.Branch, checked: File, folder: Path) -> dict[str, Any]:
    """Return what is in effect, with variables by name as the file has them."""
    data: dict[str, Any]
    data = checked.model_dump(mode="json", exclude_none=True, exclude={"defaults"})
    for environment in data["environments"].values():
        if not environment["consumers"]:
            del environment["consumers"]  # the bundled stack brings its own
    for path, leaf in tree.leaves(root):
        if isinstance(leaf.value, tree.Resolved) and path[0] != "defaults":
            here: Any = data
            for key in path[:-1]:
                here = here[key]
            here[path[-1]] = _as_written(leaf, str(path[-1]), folder)
    return data


def _as_written(leaf: tree.Leaf, name: str, folder: Path) -> str:
    """Return a text with its variables; a file's path does not depend on ours."""
    is_file = name.endswith("_file") or (
        name == "store" and "://" not in str(leaf.value)
    )
    if is_file and not Path(str(leaf.value)).expanduser().is_absolute():
        return f"{variables.escape(str(folder))}/{leaf.written}"
    return leaf.written


def sample() -> str:
    """Return a commented file to start from."""
    return resources.files("prober.config").joinpath("sample.yaml").read_text("utf-8")
