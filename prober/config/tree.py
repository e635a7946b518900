"""A document as it stands in its file: every value with its place.

Merging takes values with their places along, so that a mistake is told where it was
written, whoever inherits it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings, indexes of lists."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file, counted from 1."""

    line: int
    column: int


NOWHERE = Mark(0, 0)
"""The place of what stands in no file: our own defaults."""


class Nothing:
    """The value of a key that has none: an empty section, but no value for a field."""


NOTHING = Nothing()


class Resolved(str):
    """A text with environment variables put in; what was `written` may be shown."""

    __slots__ = ("written",)

    def __new__(cls, text: str, written: str) -> Self:
        """Keep both."""
        made = super().__new__(cls, text)
        made.written = written
        return made

    written: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that holds no others; `written` is its text in the file."""

    value: str | float | bool | None
    written: str
    mark: Mark = NOWHERE

    def __str__(self) -> str:
        """Return what the file says: texts in quotes, other values bare."""
        return repr(self.written) if isinstance(self.value, str) else self.written


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple["Node", ...]
    mark: Mark = NOWHERE


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping; `keys` has the places of its keys."""

    nodes: Mapping[str, "Node"]
    keys: Mapping[str, Mark] = field(default_factory=dict)
    mark: Mark = NOWHERE

    def child(self, key: str) -> "Branch":
        """Return the mapping at a key; an empty one where there is none."""
        node = self.nodes.get(key)
        return node if isinstance(node, Branch) else Branch({})

    def over(self, lower: "Branch") -> "Branch":
        """Return this mapping, with what only `lower` has added, at every depth."""
        nodes = {**lower.nodes, **self.nodes}
        for key, node in self.nodes.items():
            below = lower.nodes.get(key)
            if isinstance(below, Branch) and is_section(node):
                upper = node if isinstance(node, Branch) else Branch({}, {}, node.mark)
                nodes[key] = upper.over(below)
        return Branch(nodes, {**lower.keys, **self.keys}, self.mark)


Node = Leaf | Items | Branch


def is_section(node: Node | None) -> bool:
    """Tell whether a mapping stands there; `probe:` and nothing is an empty one."""
    return isinstance(node, Branch) or (isinstance(node, Leaf) and node.value is None)


def grown(data: Mapping[str, Any]) -> Branch:
    """Return our own data as a tree, its places nowhere."""
    return Branch(
        {
            key: grown(each) if isinstance(each, Mapping) else Leaf(each, str(each))
            for key, each in data.items()
        }
    )


def plain(node: Node) -> Any:  # noqa: ANN401 - whatever a document is made of
    """Return a tree as mappings, tuples and scalars."""
    if isinstance(node, Branch):
        return {key: plain(each) for key, each in node.nodes.items()}
    if isinstance(node, Items):
        return tuple(plain(each) for each in node.nodes)
    return NOTHING if node.value is None else node.value


def kind_of(node: Node) -> str:
    """Return what stands there, without its content."""
    if isinstance(node, Leaf):
        names = {str: "a text", Resolved: "a text", bool: "true or false"}
        return (
            "nothing" if node.value is None else names.get(type(node.value), "a number")
        )
    return "a mapping" if isinstance(node, Branch) else "a list"


def children(node: Branch | Items) -> Iterator[tuple[str | int, Node]]:
    """Yield what a mapping or a list holds, each with its key or index."""
    if isinstance(node, Branch):
        yield from node.nodes.items()
    else:
        yield from enumerate(node.nodes)


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Yield every leaf and the way to it."""
    if isinstance(node, Leaf):
        yield path, node
        return
    for key, each in children(node):
        yield from leaves(each, (*path, key))


def found(node: Node, path: Path) -> tuple[Node | None, Mark]:
    """Follow a path; return what is there and the place to point at.

    Where the path leads nowhere, that is the place of the last that it does pass.
    """
    here: Node | None = node
    mark = node.mark
    for key in path:
        if isinstance(here, Branch) and key in here.nodes:
            mark = here.keys.get(str(key), mark)
            here = here.nodes[str(key)]
        elif isinstance(here, Items) and isinstance(key, int):
            here = here.nodes[key]
            mark = here.mark
        else:
            return None, mark
    if isinstance(here, Leaf) and here.mark != NOWHERE:
        mark = here.mark
    return here, mark
