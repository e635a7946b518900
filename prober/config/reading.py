"""From bytes to a tree: YAML, with every trap of it turned into a mistake.

The document is only composed, never constructed, so nothing in it can make an object.
Keys are texts whatever they look like (an environment may be called `no`), and of the
values only true, false, whole numbers, decimals and nothing are more than text.
"""

import contextlib
import re
import unicodedata
from collections.abc import Mapping

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from prober.config import variables
from prober.config.mistakes import Mistakes
from prober.config.tree import Branch, Items, Leaf, Mark, Node, Path, kind_of

MAX_BYTES = 1 << 18
MAX_DEPTH = 32
MAX_NODES = 10_000
"""Of the document with its aliases written out: ten lines of them can make billions."""

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][\d_]{0,23})", re.ASCII)
_TRUTHS = {"true": True, "false": False}
_UNPRINTABLE = ("Cc", "Cs")
_QUOTED = re.compile(r"'([^']*)'")
_PROBLEMS = {
    "undefined alias": "an alias (*) of no anchor: quote text that begins with *",
    r"'\\t'": "a tab where only spaces may stand: indent with spaces",
    r"that cannot start": "a character that cannot begin a value: quote the text",
    "mapping values": "a second `:` on this line: quote text that has `: ` in it",
    "another document": "a second document (`---`) where one is all there may be",
    "special characters": "a control character, which no setting needs",
    "expected <block end>": "the line stands too far left or right: mind the indent",
    "could not find expected ':'": "a line with no `:` after its key",
    "end of stream|stream end": "a bracket or a quote that is never closed",
}


class _TooDeepError(Exception):
    """More levels than any configuration has."""


class _Composer(yaml.SafeLoader):
    """PyYAML's, but it stops at a depth instead of exhausting the stack."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(
        self, parent: yaml.Node | None, index: int | yaml.Node | None
    ) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeepError
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self._depth -= 1


def read(data: bytes, environ: Mapping[str, str], mistakes: Mistakes) -> Node | None:
    """Return the tree of a document, None if it cannot be read as one.

    `environ` is what `${NAME}` stands for.
    """
    if len(data) > MAX_BYTES:
        mistakes.add(None, (), f"the file is larger than {MAX_BYTES >> 10} KiB")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        mistakes.add(Mark(line, 1), (), "a byte that is not UTF-8: save it as UTF-8")
        return None
    root = _compose(text, mistakes)
    if root is None:
        return None
    try:
        return _Reading(environ, mistakes).node(root, ())
    except _TooDeepError:
        words = f"more than {MAX_NODES:,} values, or an alias within its anchor"
        mistakes.add(None, (), words)
        return None


def _compose(text: str, mistakes: Mistakes) -> yaml.Node | None:
    """Return the root of a document that is one; else tell why it is none."""
    mark: Mark | None = None
    loader = None
    try:
        loader = _Composer(text)
        root = loader.get_single_node()
    except _TooDeepError:
        words = f"values nested more than {MAX_DEPTH} levels deep"
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = _mark(place) if place else None
        words = _sentence(error.problem or "")
    except yaml.reader.ReaderError as error:
        mark = Mark(text.count("\n", 0, error.position) + 1, 1)
        words = _sentence(error.reason)
    except (ValueError, OverflowError):
        # PyYAML has no word of its own for escapes beyond Unicode, as "\UFFFFFFFF".
        mark = _mark(loader.get_mark()) if loader else None
        words = "an escape or a directive that YAML does not know"
    else:
        if root is not None:
            return root
        words = "the file is empty; `prober init` writes one"
    mistakes.add(mark, (), words)
    return None


def _sentence(problem: str) -> str:
    """Word a problem of YAML without quoting the file, which may hold a secret."""
    for sign, sentence in _PROBLEMS.items():
        if re.search(sign, problem):
            return sentence
    # A quotation of more than one character could be part of a secret.
    return "not YAML: " + _QUOTED.sub(
        lambda quoted: quoted[0] if len(quoted[1]) == 1 else "something", problem
    )


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


class _Reading:
    """The way through one document."""

    def __init__(self, environ: Mapping[str, str], mistakes: Mistakes) -> None:
        self._environ, self._mistakes = environ, mistakes
        self._nodes = self._depth = 0

    def node(self, raw: yaml.Node, path: Path) -> Node:
        """Return what a node of YAML stands for, aliases written out."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH:
            raise _TooDeepError
        node = self._node(raw, path)
        self._depth -= 1
        return node

    def _node(self, raw: yaml.Node, path: Path) -> Node:
        if isinstance(raw, MappingNode):
            return self._branch(raw, path)
        if isinstance(raw, SequenceNode):
            self._check_tag(raw, ("seq",), path)
            nodes = (self.node(each, (*path, i)) for i, each in enumerate(raw.value))
            return Items(tuple(nodes), _mark(raw.start_mark))
        return self._leaf(raw, path)

    def _branch(self, raw: MappingNode, path: Path) -> Branch:
        self._check_tag(raw, ("map",), path)
        own: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        merged = Branch({})
        for key, value in raw.value:
            mark = _mark(key.start_mark)
            if key.tag == f"{_TAG}merge":
                merged = self._merged(value, path, merged)
            elif not isinstance(key, ScalarNode) or not self._printable(key.value):
                self._mistakes.add(mark, path, "a key that is no simple text")
            elif key.value in own:
                first = f"is given twice, first on line {keys[key.value].line}"
                self._mistakes.add(mark, (*path, key.value), first)
            else:
                own[key.value] = self.node(value, (*path, key.value))
                keys[key.value] = mark
        nodes = {**merged.nodes, **own}
        return Branch(nodes, {**merged.keys, **keys}, _mark(raw.start_mark))

    def _merged(self, raw: yaml.Node, path: Path, before: Branch) -> Branch:
        """Return what `<<` brings, the first of several first."""
        several = isinstance(raw, SequenceNode)
        for each in raw.value if several else (raw,):
            node = self.node(each, path)
            if isinstance(node, Branch):
                nodes = {**node.nodes, **before.nodes}
                before = Branch(nodes, {**node.keys, **before.keys})
            else:
                words = f"found {kind_of(node)}; expected a mapping to merge"
                self._mistakes.add(_mark(each.start_mark), path, words)
        return before

    def _leaf(self, raw: yaml.Node, path: Path) -> Leaf:
        kinds = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
        self._check_tag(raw, kinds, path)
        mark, written = _mark(raw.start_mark), raw.value
        value = _value(raw)
        if isinstance(value, str):
            value = self._text(written, mark, path)
        return Leaf(value, written, mark)

    def _text(self, written: str, mark: Mark, path: Path) -> str:
        """Put environment variables in; what comes of them is text, never YAML."""
        text, wrong = variables.resolve(written, self._environ)
        if not wrong and not self._printable(text):
            wrong = "a control character in a text"
        if wrong:
            self._mistakes.add(mark, path, wrong)
        return text

    def _check_tag(self, raw: yaml.Node, known: tuple[str, ...], path: Path) -> None:
        if raw.tag.removeprefix(_TAG) not in known:
            words = "a tag (!), which no setting takes: quote text that begins with !"
            self._mistakes.add(_mark(raw.start_mark), path, words)

    @staticmethod
    def _printable(text: str) -> bool:
        return not any(
            unicodedata.category(each) in _UNPRINTABLE and each not in "\n\t"
            for each in text
        )


def _value(raw: yaml.Node) -> str | float | bool | None:
    """Return a scalar as YAML 1.2 reads it: no octals, no sixties, no yes and no."""
    text: str = raw.value
    kind = raw.tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool":
        return _TRUTHS.get(text.lower(), text)
    if kind == "int" and _WHOLE.fullmatch(text):
        return int(text.replace("_", ""))
    if kind == "float":
        with contextlib.suppress(ValueError):  # sixties, and what is not finite
            return float(text)
    return text
