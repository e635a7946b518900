"""`${NAME}` in a text stands for an environment variable, and `$${` for `${` itself."""

import re
from collections.abc import Mapping

from prober.config.tree import Resolved

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ALONE = re.compile(rf"\$\{{{_NAME.pattern}\}}", re.ASCII)


def resolve(written: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return a text with its variables put in, and what is wrong with it, if anything.

    It is scanned once: what a variable holds is taken as it is. A text that names any
    becomes a `Resolved`, which remembers what was written.
    """
    if "${" not in written:
        return written, ""
    wrong = ""

    def value(form: re.Match[str]) -> str:
        nonlocal wrong
        if form[0] == "$${":
            return "${"
        name = form[1]
        if not form[2] or _NAME.fullmatch(name) is None:
            wrong = "a `${` that names no environment variable: write ${NAME}, or $${"
            return ""
        if not environ.get(name):
            wrong = f"the environment variable {name} is not set, or empty"
        return environ.get(name, "")

    return Resolved(_REFERENCE.sub(value, written), written), wrong


def escape(text: str) -> str:
    """Return what a text is to be written as, so that nothing is put into it."""
    return text.replace("${", "$${")


def is_reference(value: object) -> bool:
    """Tell whether a value is one environment variable, and nothing beside it."""
    return isinstance(value, Resolved) and bool(_ALONE.fullmatch(value.written))
