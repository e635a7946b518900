"""What a step of a check finds: it went well, it failed, or it could not be tried."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of one target, done; this is what people and scripts are told."""

    name: str
    """`tls`, `round_trip`."""
    target: str
    """`consumer rlp`."""
    ok: bool | None
    """None for a step that could not be tried, or that tells nothing either way."""
    seconds: float
    words: str
    remedy: str = ""
    """The command or setting that mends it; of a step that is ok, a warning."""


Watch = Callable[[Step], None]
"""Told of each step as it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a step found that went well; `ok` is None when it tells nothing."""

    words: str
    remedy: str = ""
    ok: bool | None = True


class StepFailed(Exception):  # noqa: N818 - a finding, not an error of ours
    """A step failed: no further one of its target is tried."""

    ok = False

    def __init__(self, words: str, remedy: str = "") -> None:
        super().__init__(words)
        self.words, self.remedy = words, remedy
