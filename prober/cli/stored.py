"""Where the history is that a command reads or writes, and how it is asked for."""

import difflib
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich_click as click

from prober.errors import UsageError

if TYPE_CHECKING:  # SQLAlchemy is imported by who opens a history
    from decimal import Decimal

    from prober.store import Store

_Command = Callable[..., Any]

NOWHERE = "none"
"""What `--store` is given so that nothing is written."""
_PASSWORD = re.compile(r"://[^/?@]*:[^@]+@|[?&]\w*password=")


class Place(click.ParamType[str]):
    """Where history is; a password would stand in the list of processes."""

    name = "URL"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Take any place but one with a password in it."""
        if _PASSWORD.search(str(value)):
            self.fail(
                "everybody on this machine could read the password in it: write it as "
                "`store:` of prober.yaml, with ${NAME}, or set PGPASSWORD",
                param,
                ctx,
            )
        return str(value)


def store_options(command: _Command) -> _Command:
    """Add the options that say where history is."""
    store = click.option(
        "--store",
        type=Place(),
        metavar="URL",
        help="Where history is: a file, sqlite:///PATH or postgresql://….  [default: "
        "`store:` of prober.yaml, or the user's data directory]",
    )
    config = click.option(
        "--config",
        metavar="FILE",
        help="The configuration.  [default: ./prober.yaml, or the user's]",
    )
    return store(config(command))


def location(store: str | None, config: str | None) -> str | None:
    """Return where history is: as said, as the configuration has it, or None for ours.

    Raises UsageError for a configuration that cannot be read.
    """
    if store is not None:
        return store
    from prober.config import find, load

    found = find(config)
    return None if found is None else load(found).store


def objective(name: str, config: str | None) -> "Decimal | None":
    """Return the objective that the configuration has for an environment, if any.

    Raises UsageError for a configuration that cannot be read.
    """
    from prober.config import find, load

    found = find(config)
    environment = None if found is None else load(found).environments.get(name)
    if environment is None or environment.objective is None:
        return None
    return environment.objective.target


@contextmanager
def opened(where: str | None) -> Iterator["Store"]:
    """Open a history that has to be there.

    Raises UsageError, telling how to get one, if there is none.
    """
    from prober.store import exists, open_store, where_is

    if not exists(where):
        raise UsageError(
            f"there is no history in {where_is(where)} yet: `prober watch` keeps one, "
            "and `prober run ENV` adds to it"
        )
    with open_store(where) as store:
        yield store


def known(store: "Store", name: str | None, *, what: str = "environment") -> list[str]:
    """Return the environments asked for: one, or all that history knows.

    Raises UsageError for one that it does not know; `what` it might have been.
    """
    names = [each.name for each in store.environments()]
    if name is None:
        return names
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        has = f"It has {', '.join(names)}" if names else "It is empty"
        raise UsageError(
            f"the history in {store.where} knows no {what} {name!r:.40}: {hint}{has}"
        )
    return [name]


def author() -> str:
    """Return who does something now: `user@host`."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
