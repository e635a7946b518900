"""Holding a tree against the models, and saying every mistake in words of people."""

import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prober.config.file import Defaults, File
from prober.config.mistakes import Mistakes, shortened
from prober.config.models import (
    BUNDLED,
    CONFLICT,
    DEPLOYED,
    NONE_FOUND,
    PARTIAL,
    Environment,
    Section,
)
from prober.config.scalars import EXPECTED, FOLDER
from prober.config.tree import (
    Branch,
    Items,
    Leaf,
    Mark,
    Node,
    Path,
    Resolved,
    children,
    found,
    grown,
    is_section,
    kind_of,
    plain,
)

_SECRETS = frozenset({"client_secret", "password", "token"})
_WRONG_SHAPE = {
    "model_type": "settings, each `name: value`",
    "dict_type": "names, each with its settings",
    "mapping_type": "names, each with its settings",
    "tuple_type": "a list",
}
_SKIPS = re.compile(r"skip|insecure|verif", re.IGNORECASE)
_USER = re.compile(r"//.*@", re.DOTALL)
_KEY = "[key]"
"""What pydantic puts behind the path of a key that is wrong itself."""

_S = TypeVar("_S", bound=Section)
_NEAR_ENVIRONMENT = range(1, 4)
"""How deep a setting of one of an environment's sections may be in the wrong one."""


def document(read: Node | None, mistakes: Mistakes) -> Branch | None:
    """Return a document with its `defaults`, and ours below, in every environment."""
    if not isinstance(read, Branch):
        if read is not None:
            words = (
                f"found {kind_of(read)}; expected `environments:` and what is in them"
            )
            mistakes.add(read.mark, (), words)
        return None
    environments = read.nodes.get("environments")
    if not isinstance(environments, Branch):
        return read
    given = read.child("defaults")
    known = {k: v for k, v in given.nodes.items() if k in Defaults.model_fields}
    defaults = Branch(known, given.keys)
    nodes = {
        name: _complete(node, defaults) if isinstance(node, Branch) else node
        for name, node in environments.nodes.items()
    }
    whole = Branch(nodes, environments.keys, environments.mark)
    return Branch({**read.nodes, "environments": whole}, read.keys, read.mark)


def _complete(environment: Branch, defaults: Branch) -> Branch:
    ours = BUNDLED if "reference" in environment.nodes else DEPLOYED
    return environment.over(defaults).over(grown(ours))


def check(root: Branch, folder: FilePath, mistakes: Mistakes) -> File | None:
    """Return what a document means; None, and its mistakes told, if it has any.

    `root` has its defaults merged; relative paths begin at `folder`.
    """
    checking = _Checking(root, mistakes)
    nodes = dict(root.nodes)
    # What the defaults leave open, each environment has to bring.
    defaults = nodes.pop("defaults", Branch({}))
    context = {FOLDER: folder}
    partial = {**context, PARTIAL: True}
    checking.validate(Defaults, plain(defaults), ("defaults",), partial)
    checking.choose()
    return checking.validate(File, plain(Branch(nodes)), (), context)


def check_section(
    model: type[_S], root: Branch, folder: FilePath, mistakes: Mistakes
) -> _S | None:
    """Return what a document of another kind means, as `check` does."""
    checking = _Checking(root, mistakes, model)
    checking.choose()
    return checking.validate(model, plain(root), (), {FOLDER: folder})


class _Checking:
    """One document and what is known to be wrong with it."""

    def __init__(
        self, root: Branch, mistakes: Mistakes, whole: type[Section] = File
    ) -> None:
        self._root, self._mistakes, self._whole = root, mistakes, whole
        self._owners = dict(_owners(whole, root, ()))

    def validate(
        self, model: type[_S], value: object, at: Path, context: dict[str, Any]
    ) -> _S | None:
        """Return a section's model, or tell what is wrong with it."""
        try:
            return model.model_validate(value, context=context)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                if not (PARTIAL in context and each["type"] == "missing"):
                    self._tell(each, (*at, *each["loc"]))
            return None

    def choose(self) -> None:
        """Tell which sections give too many or too few of their alternatives."""
        for path, model in self._owners.items():
            node, mark = found(self._root, path)
            if not is_section(node):
                continue
            given = node.nodes.keys() if isinstance(node, Branch) else ()
            unknown = [key for key in given if key not in model.model_fields]
            for choice in model.choices:
                words = choice.complaint(given)
                # A name that is misspelt is told already.
                if words and not (unknown and words.startswith(NONE_FOUND)):
                    self._mistakes.add(mark, path, words)

    def _tell(self, error: ErrorDetails, path: Path) -> None:
        if path[-1] == _KEY:
            said = f"found {shortened(repr(path[-2]))}; expected {error['msg']}"
            self._mistakes.add(self._key_mark(path[:-1]), path[:-1], said)
            return
        node, mark = found(self._root, path)
        if isinstance(node, Leaf) and self._mistakes.at(node.mark):
            return  # it could not even be read
        if error["type"] == "extra_forbidden":
            mark = self._key_mark(path)
        self._mistakes.add(mark, path, self._words(error, path, node))

    def _key_mark(self, path: Path) -> Mark:
        above, mark = found(self._root, path[:-1])
        keys = above.keys if isinstance(above, Branch) else {}
        return keys.get(str(path[-1]), mark)

    def _words(self, error: ErrorDetails, path: Path, node: Node | None) -> str:
        """Say what was found and what was expected."""
        kind = error["type"]
        owner = self._owners.get(path[:-1], self._whole)
        if kind == "extra_forbidden":
            return _unknown(str(path[-1]), owner, path[:-1])
        if kind == "missing":
            what = owner.model_fields[str(path[-1])].description
            return f"found nothing; expected {what}"
        if kind == CONFLICT:
            return error["msg"]
        if kind == "too_short":
            return "found none; expected at least one"
        shape = _WRONG_SHAPE.get(kind)
        expected = error["msg"] if kind == EXPECTED else shape or error["msg"]
        return f"found {_shown(node, path, shape)}; expected {expected}"


def _owners(
    model: type[Section], node: Node, path: Path
) -> Iterator[tuple[Path, type[Section]]]:
    """Yield every place of a document where a section stands, and which."""
    yield path, model
    if not isinstance(node, Branch):
        return
    for name, each in node.nodes.items():
        field = model.model_fields.get(name)
        inner = _section_in(field.annotation) if field else None
        if inner is None:
            continue
        here = (*path, name)
        if not _holds_several(field.annotation if field else None):
            yield from _owners(inner, each, here)
        elif isinstance(each, Branch | Items):
            for key, one in children(each):
                yield from _owners(inner, one, (*here, key))


def _section_in(annotation: object) -> type[Section] | None:
    """Return the section that a field holds, be it in a list, or not always there."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = (_section_in(each) for each in typing.get_args(annotation))
    return next((each for each in inner if each), None)


def _holds_several(annotation: object) -> bool:
    """Tell whether a field is a list or a mapping of names."""
    parts = (annotation, *typing.get_args(annotation))
    return any(typing.get_origin(each) in (tuple, Mapping) for each in parts)


def _shown(node: Node | None, path: Path, shape: str | None) -> str:
    """Return what was found, without anything that could be a secret."""
    if node is None:
        return "nothing"
    if not isinstance(node, Leaf) or node.value is None or shape:
        return kind_of(node)
    if path[-1] in _SECRETS:
        return f"{kind_of(node)} (not shown)"
    origin = " (from the environment)" if isinstance(node.value, Resolved) else ""
    return shortened(_USER.sub("//…@", str(node))) + origin


def _unknown(name: str, owner: type[Section], at: Path) -> str:
    """Say that there is no such setting, and which one may have been meant."""
    if _SKIPS.search(name):
        return (
            "no such setting, and nothing skips verification; ca_file names an "
            "authority that is to be trusted"
        )
    near = difflib.get_close_matches(name, owner.model_fields, n=1)
    beside = [
        f"{section}.{name}"
        for section, field in Environment.model_fields.items()
        if (model := _section_in(field.annotation)) and name in model.model_fields
    ]
    if near:
        return f"no such setting; did you mean {near[0]}?"
    if beside and len(at) in _NEAR_ENVIRONMENT:
        return f"no such setting here; did you mean {' or '.join(beside)}?"
    known = ", ".join(owner.model_fields) or "nothing"
    return f"no such setting; expected {known}"
