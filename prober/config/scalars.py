"""The kinds of single values: how each is written, checked, and shown again.

Each is strict about its type: YAML has made a number or a truth of many a text before
anybody could see it, so a text is never taken from a number, nor a number from a text.
"""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic_core import PydanticCustomError, core_schema

from prober import slo, units
from prober.clock import NS
from prober.config.tree import Resolved
from prober.config.variables import escape, is_reference
from prober.errors import UsageError
from prober.plan import Sizes
from prober.records import Kind
from prober.stamp import MAX_SIZE, WIDTH

EXPECTED = "expected"
"""The type of our own errors; their message says what was expected."""
FOLDER = "folder"
"""In the context of a validation: where relative paths begin."""
_LONGEST_NS = 3_660 * 86_400 * NS
_MOST = (1 << 53) - 1
"""What any reader of JSON takes for the same number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scalar:
    """A kind of value: `read` returns it, or None for what is none.

    `show` writes it so that `read` returns the same again; `schema` is its JSON Schema;
    `quoted` is expected of what is no text and should have been one.
    """

    read: Callable[[Any], object]
    expected: str
    schema: dict[str, Any]
    show: Callable[[Any], object] = str
    quoted: str = ""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Let pydantic read and write the value by this, and by nothing else."""
        del source, handler
        return core_schema.with_info_plain_validator_function(
            self._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.show, when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return how an editor may check the value."""
        del core, handler
        return dict(self.schema)

    def _validated(self, value: object, info: core_schema.ValidationInfo) -> object:
        read, words = self.read(value), self.expected
        if self.quoted and not isinstance(value, str):
            words = self.quoted
        if read is None:
            raise PydanticCustomError(EXPECTED, "{words}", {"words": words})
        return (info.context or {})[FOLDER] / read if isinstance(read, Path) else read


# How each is read.


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(least: int) -> Callable[[object], int | None]:
    def read(value: object) -> int | None:
        # A truth is an int to Python.
        is_whole = type(value) is int and least <= value <= _MOST
        return value if is_whole and isinstance(value, int) else None

    return read


_count = _whole(1)


def _worst_burst(value: object) -> int | str | None:
    return "auto" if value == "auto" else _count(value)


def _duration(value: object) -> int | None:
    ns = units.parse_duration(value) if isinstance(value, str) else None
    return ns if ns and ns <= _LONGEST_NS else None


def _bytes(value: object) -> int | None:
    count = units.parse_bytes(value) if isinstance(value, str) else None
    return count if count and count <= _MOST else None


def _rate(value: object) -> Fraction | None:
    return units.parse_rate(str(value)) if _may_be_figure(value) else None


def _size(value: object) -> Sizes | None:
    sizes = units.parse_size(str(value)) if _may_be_figure(value) else None
    fits = sizes and WIDTH <= sizes.low <= sizes.high <= MAX_SIZE
    return sizes if fits else None


def _may_be_figure(value: object) -> bool:
    """Texts and whole numbers mean the same where a unit may be left out."""
    return isinstance(value, str) or type(value) is int


def _target(value: object) -> Decimal | None:
    try:
        return slo.parse_target(value) if isinstance(value, str) else None
    except UsageError:
        return None


def _show_target(target: Decimal) -> str:
    percent = target.scaleb(2)
    return f"{percent.normalize():f}" if percent > 1 else f"{target:f}".lstrip("0")


def _kind(value: object) -> Kind | None:
    return next((kind for kind in Kind if kind.value == value), None)


def _address(value: object) -> str | None:
    return units.parse_address(str(value)) if isinstance(value, str) else None


def _listen(value: object) -> str | None:
    return units.parse_listen(str(value)) if isinstance(value, str) else None


def _path(value: object) -> Path | None:
    if not isinstance(value, str) or not value.strip():
        return None
    with contextlib.suppress(RuntimeError):  # ~somebody who has no home here
        return Path(value).expanduser()
    return None


def _secret(value: object) -> SecretStr | None:
    return SecretStr(str(value)) if is_reference(value) else None


def _argument(value: object) -> str | None:
    is_plain = isinstance(value, str) and not isinstance(value, Resolved)
    return str(value) if is_plain and value else None


def _matching(pattern: str) -> Callable[[object], str | None]:
    form = re.compile(pattern, re.ASCII)

    def read(value: object) -> str | None:
        fits = isinstance(value, str) and form.fullmatch(value)
        return str(value) if fits else None

    return read


def _url(*schemes: str) -> Callable[[object], str | None]:
    def read(value: object) -> str | None:
        parts = _split(value)
        if parts is None or parts.scheme not in schemes or parts.username is not None:
            return None
        return None if parts.query or parts.fragment else str(value)

    return read


def _proxy(value: object) -> str | None:
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https"):
        return None
    written = value.written if isinstance(value, Resolved) else str(value)
    return None if "@" in _GIVEN_USER.sub("", written) else str(value)


_GIVEN_USER = re.compile(r"//[^:@/]*:\$\{\w+\}@", re.ASCII)
"""A user whose password comes from the environment."""


_STORES = ("sqlite", "postgresql", "postgres")


def _store(value: object) -> Path | str | None:
    """Return the URL of a history, or the path of its file."""
    if not isinstance(value, str) or "://" not in value:
        return _path(value)
    written = value.written if isinstance(value, Resolved) else value
    try:
        open_password = urlsplit(_GIVEN_USER.sub("//", written)).password
        known = urlsplit(value).scheme in _STORES
    except ValueError:
        return None
    return None if open_password or not known else str(value)


def _split(value: object) -> SplitResult | None:
    """Return the parts of a URL that has a host, and a port that can be."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


# What the models' fields are made of.

_TEXT = {"type": "string"}
_FIGURE = {"type": ["string", "integer"]}
_COUNT = {"type": "integer", "minimum": 1, "maximum": _MOST}
_NAME = "[a-z0-9][a-z0-9_-]{0,62}"

Address = Annotated[
    str, Scalar(read=_address, expected="HOST:PORT, as 127.0.0.1:3458 is", schema=_TEXT)
]
Bytes = Annotated[
    int,
    Scalar(
        read=_bytes,
        expected="bytes with their unit, kB, MB or GB, as 500MB or 1.5GB",
        schema=_TEXT,
        show=units.write_bytes,
    ),
]
Listen = Annotated[
    str,
    Scalar(
        read=_listen,
        expected="HOST:PORT, as 127.0.0.1:9610 is; port 0 is any that is free",
        schema=_TEXT,
    ),
]
Argument = Annotated[
    str,
    Scalar(
        read=_argument,
        expected="a text without ${…}: everybody on this machine sees arguments",
        schema=_TEXT,
    ),
]
Count = Annotated[
    int,
    Scalar(read=_count, expected="a whole number, 1 or more", schema=_COUNT, show=int),
]
Number = Annotated[
    int,
    Scalar(
        read=_whole(0),
        expected="a whole number, 0 or more",
        schema=_COUNT | {"minimum": 0},
        show=int,
    ),
]
Duration = Annotated[
    int,
    Scalar(
        read=_duration,
        expected="a duration above 0 with its unit, as 500ms, 1m30s or 30d (at most "
        "10 years)",
        schema=_TEXT,
        show=units.write_duration,
    ),
]
File = Annotated[
    Path,
    Scalar(
        read=_path,
        expected="the path of a file (~ is your home)",
        schema=_TEXT,
        show=lambda path: escape(str(path)),
    ),
]
HttpsUrl = Annotated[
    str,
    Scalar(
        read=_url("https"),
        expected="https://HOST[:PORT][/PATH], and no user in it",
        schema=_TEXT,
    ),
]
WebUrl = Annotated[
    str,
    Scalar(
        read=_url("http", "https"),
        expected="http:// or https://HOST[:PORT][/PATH], and no user in it",
        schema=_TEXT,
    ),
]
LabelName = Annotated[
    str,
    Scalar(
        read=_matching("[a-zA-Z_][a-zA-Z0-9_]{0,62}"),
        expected="a label's name: letters, digits and _",
        schema=_TEXT,
    ),
]
WssUrl = Annotated[
    str,
    Scalar(
        read=_url("wss"),
        expected="wss://HOST[:PORT][/PATH], and no user in it",
        schema=_TEXT,
    ),
]
KindName = Annotated[
    Kind,
    Scalar(
        read=_kind,
        expected=f"one of {', '.join(kind.value for kind in Kind)}",
        schema={"enum": [kind.value for kind in Kind]},
        show=lambda kind: kind.value,
    ),
]
Name = Annotated[
    str,
    Scalar(
        read=_matching(_NAME),
        expected="a name of small letters, digits, _ and -",
        schema={"type": "string", "pattern": f"^{_NAME}$"},
    ),
]
Profile = Annotated[
    str,
    Scalar(
        read=_matching("loggregator|ideal"),
        expected="loggregator or ideal",
        schema={"enum": ["loggregator", "ideal"]},
    ),
]
ProxyUrl = Annotated[
    str,
    Scalar(
        read=_proxy,
        expected="http://HOST:PORT or https://HOST:PORT; a password as ${NAME}",
        schema=_TEXT,
    ),
]
Rate = Annotated[
    Fraction,
    Scalar(
        read=_rate,
        expected="messages a second, above 0, as 1000/s or 0.5/s",
        schema=_FIGURE,
        show=units.write_rate,
    ),
]
Secret = Annotated[
    SecretStr,
    Scalar(
        read=_secret,
        expected="${NAME} of an environment variable, for a secret never stands in "
        "the file",
        schema={"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"},
    ),
]
ServerName = Annotated[
    str,
    Scalar(
        read=_matching("[A-Za-z0-9._*-]{1,253}"),
        expected="the name in the peer's certificate, as metron is",
        schema=_TEXT,
    ),
]
SizeRange = Annotated[
    Sizes,
    Scalar(
        read=_size,
        expected=f"bytes, as 100 or 100-2000, from the stamp's {WIDTH} to {MAX_SIZE:,}",
        schema=_FIGURE,
    ),
]
SourceId = Annotated[
    str,
    Scalar(
        read=_matching("[!-~]{1,200}"),
        expected="a source_id of printable ASCII without spaces",
        schema=_TEXT,
    ),
]
Store = Annotated[
    Path | str,
    Scalar(
        read=_store,
        expected="the path of a file, sqlite:///PATH or "
        "postgresql://USER@HOST/DATABASE; a password as ${NAME}",
        schema=_TEXT,
        show=lambda store: escape(str(store)),
    ),
]
Target = Annotated[
    Decimal,
    Scalar(
        read=_target,
        expected='a percentage between 1 and 100, like "99.9", or a ratio between 0 '
        'and 1, like "0.999": 1 and 100 leave nothing to measure',
        quoted='a string like "99.9": quote it, for a YAML number may have lost digits',
        schema=_TEXT,
        show=_show_target,
    ),
]
Text = Annotated[
    str, Scalar(read=_matching("[ -~]{1,200}"), expected="a text", schema=_TEXT)
]
Truth = Annotated[
    bool,
    Scalar(
        read=_truth, expected="true or false", schema={"type": "boolean"}, show=bool
    ),
]
WorstBurst = Annotated[
    int | Literal["auto"],
    Scalar(
        read=_worst_burst,
        expected="auto, or a whole number, 1 or more",
        schema={"anyOf": [_COUNT, {"const": "auto"}]},
        show=lambda value: value,
    ),
]
