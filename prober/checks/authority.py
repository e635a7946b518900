"""Tokens, and whether they allow what they are needed for."""

import re
from collections.abc import Collection

from prober.checks.findings import Finding, StepFailed
from prober.egress.tokens import Tokens
from prober.errors import ProberError

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


async def token(tokens: Tokens, remedy: str) -> Finding:
    """Get a token; `remedy` is what mends it when none is given."""
    try:
        await tokens.token()
    except ProberError as error:
        raise StepFailed(str(error), remedy) from None
    return Finding(words=f"got one, {_held(_scopes(tokens))}")


def scopes(tokens: Tokens, needed: Collection[str], own_app: str | None) -> Finding:
    """Say whether the token allows one of what is needed.

    `own_app` is the source_id that is read if nothing else is: without any scope a
    gateway lets the owner of an app read that.
    """
    held = _scopes(tokens)
    if held is None:
        return Finding(words="the token does not tell them", ok=None)
    enough = sorted(held & set(needed))
    if enough:
        return Finding(words=f"has {' and '.join(enough)}")
    words = f"lacks {' and '.join(needed)}: {_held(held)}"
    if own_app is not None and GUID.fullmatch(own_app):
        return Finding(words=f"{words}; only apps of one's own can be read")
    raise StepFailed(words, tokens.lacking(needed))


def _scopes(tokens: Tokens) -> frozenset[str] | None:
    """Return what the last token allows; None where nobody tells."""
    held: frozenset[str] | None = getattr(tokens, "scopes", None)
    return held


def _held(held: frozenset[str] | None) -> str:
    if held is None:
        return "which does not tell its scopes"
    return f"with {', '.join(sorted(held))}" if held else "without scopes"
