"""Faults for the reference stack, from a YAML scenario or from the command line.

seed: 7
faults:
- {fault: drop, where: rlp, every: 10, after: 10s, lasts: 30s}
- {fault: kill, where: router-1, after: 1m, lasts: 5s}
"""

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from prober import units
from prober.config import checking, reading, scalars
from prober.config.mistakes import Mistakes
from prober.config.models import Choice, Section
from prober.config.scalars import Scalar
from prober.config.tree import Branch, Items, Leaf, Node
from prober.errors import UsageError
from prober.pipeline.faults.scenario import (
    KINDS,
    Fault,
    FaultKind,
    Scenario,
    is_where,
)

_KINDS = {kind.value: kind for kind in FaultKind}
_ALWAYS = ("fault", "after")
_FILES = (".yaml", ".yml")


def _kind(value: object) -> FaultKind | None:
    return _KINDS.get(value) if isinstance(value, str) else None


def _where(value: object) -> str | None:
    return str(value) if isinstance(value, str) and is_where(value) else None


def _probability(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(str(value)) if is_number and 0 < float(str(value)) <= 1 else None


def _step(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    size = units.parse_duration(value.lstrip("+-"))
    return -size if size and value.startswith("-") else size


def _method(value: object) -> str | None:
    fits = isinstance(value, str) and value.isascii() and value.isidentifier()
    return str(value) if fits else None


def _only(value: object) -> str | None:
    return str(value) if value in ("messages", "all") else None


_TEXT = {"type": "string"}
_Kind = Annotated[
    FaultKind,
    Scalar(read=_kind, expected=f"one of {', '.join(_KINDS)}", schema=_TEXT),
]
_Where = Annotated[
    str,
    Scalar(
        read=_where,
        expected="a component (agent, router-1, rlp, gateway, firehose, uaa) or a way "
        "between two of them, as agent/router-1, router-1/rlp or rlp/consumer is",
        schema=_TEXT,
    ),
]
_Probability = Annotated[
    float,
    Scalar(read=_probability, expected="a number above 0, at most 1", schema={}),
]
_Step = Annotated[
    int,
    Scalar(read=_step, expected="a duration, as +5s or -1h", schema=_TEXT),
]
_Method = Annotated[
    str,
    Scalar(
        read=_method,
        expected="the name of a method, as BatchedReceiver is",
        schema=_TEXT,
    ),
]
_Only = Annotated[
    str, Scalar(read=_only, expected="messages or all", schema={}, quoted="")
]


class FaultSection(Section):
    """One fault; which settings belong to which kind stands in `KINDS`."""

    choices = (Choice(names=("every", "probability", "lap"), least=0),)

    fault: _Kind = Field(description="what is done")
    where: _Where = Field(default="", description="to what")
    after: scalars.Duration = Field(
        default=0, description="from when on, since the stack is up"
    )
    lasts: scalars.Duration | None = Field(default=None, description="for how long")
    every: scalars.Count | None = Field(default=None, description="each so manieth")
    probability: _Probability | None = Field(
        default=None, description="each with so much"
    )
    lap: scalars.Count | None = Field(
        default=None, description="the first so many in a row"
    )
    only: _Only = Field(
        default="messages", description="messages that a prober counts, or all"
    )
    window: scalars.Count | None = Field(
        default=None, description="how many are shuffled"
    )
    by: scalars.Duration | None = Field(default=None, description="by how much")
    jitter: scalars.Duration = Field(
        default=0, description="what is added at most, at random"
    )
    keep: scalars.Count | None = Field(
        default=None, description="bytes of a payload that are left"
    )
    bytes: scalars.Count = Field(
        default=1, description="how many of a payload's are changed"
    )
    rate: scalars.Rate | None = Field(
        default=None, description="bytes or envelopes a second"
    )
    step: _Step | None = Field(default=None, description="by how much a clock is set")
    method: _Method | None = Field(default=None, description="what nobody answers")

    def fault_of(self) -> Fault:
        """Return it as the laboratory takes it."""
        return Fault(
            kind=self.fault,
            where=self.where,
            after_ns=self.after,
            lasts_ns=self.lasts,
            every=self.every,
            probability=self.probability,
            lap=self.lap,
            only=self.only,
            window=self.window,
            by_ns=self.by,
            jitter_ns=self.jitter,
            keep=self.keep,
            bytes=self.bytes,
            rate=None if self.rate is None else float(self.rate),
            step_ns=self.step,
            method=self.method,
        )


class ScenarioFile(Section):
    """The whole of a scenario."""

    seed: scalars.Count | None = Field(default=None, description="of random choices")
    faults: tuple[FaultSection, ...] = Field(description="what is done, and when")


def scenario(given: Iterable[str], seed: int) -> Scenario:
    """Return what `--fault` was given: scenario files, or faults as `drop:every=10`.

    Raises UsageError with every mistake in a file, or in one fault.
    """
    faults: list[Fault] = []
    for each in given:
        if Path(each).suffix in _FILES:
            read = _from_file(Path(each))
            seed = read.seed or seed
        else:
            read = _from_text(each)
        faults += [section.fault_of() for section in read.faults]
    return Scenario(faults=tuple(faults), seed=seed)


def _from_file(file: Path) -> ScenarioFile:
    try:
        with file.open("rb") as opened:
            data = opened.read(reading.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the scenario {file}: {reason}") from None
    mistakes = Mistakes()
    root = reading.read(data, {}, mistakes)
    checked = _checked(root, file.parent, mistakes)
    mistakes.check(file, "the scenario")
    assert checked is not None  # noqa: S101 - else there was a mistake
    return checked


def _from_text(text: str) -> ScenarioFile:
    """Return what `KIND:KEY=VALUE,KEY=VALUE` says, held to the same rules."""
    kind, _, rest = text.partition(":")
    if kind not in _KINDS:
        near = difflib.get_close_matches(kind, _KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose {', '.join(_KINDS)},"
        hint += "" if near else " or name a scenario, FILE.yaml"
        raise UsageError(f"--fault {text}: there is no fault {kind!r}; {hint}")
    nodes: dict[str, Node] = {"fault": Leaf(kind, kind)}
    for pair in filter(None, rest.split(",")):
        key, found, value = pair.partition("=")
        if not found or key in nodes:
            words = "is given twice" if found else "has no value: write it KEY=VALUE"
            raise UsageError(f"--fault {text}: {key} {words}")
        nodes[key] = Leaf(_figure(value), value)
    mistakes = Mistakes()
    root = Branch({"faults": Items((Branch(nodes),))})
    checked = _checked(root, Path(), mistakes)
    if wrong := mistakes.words():
        told = "; and ".join(re.sub(r"^faults\[0\](\.|: )", "", each) for each in wrong)
        raise UsageError(f"--fault {text}: {told}")
    assert checked is not None  # noqa: S101 - else there was a mistake
    return checked


def _figure(text: str) -> str | float:
    """Return a text as YAML would take it: a number if it looks like one."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _checked(
    root: Node | None, folder: Path, mistakes: Mistakes
) -> ScenarioFile | None:
    if not isinstance(root, Branch):
        if root is not None:
            mistakes.add(root.mark, (), "expected `faults:` and what is in it")
        return None
    checked = checking.check_section(ScenarioFile, root, folder, mistakes)
    faults = root.nodes.get("faults")
    items = faults.nodes if isinstance(faults, Items) else ()
    if isinstance(faults, Items) and not items:
        mistakes.add(faults.mark, ("faults",), "found none; expected at least one")
    for index, each in enumerate(items):
        kind = each.nodes.get("fault") if isinstance(each, Branch) else None
        if isinstance(each, Branch) and isinstance(kind, Leaf):
            found = _KINDS.get(str(kind.value))
            if found is not None:
                _hold(found, each, ("faults", index), mistakes)
    return checked


def _hold(
    kind: FaultKind, fault: Branch, path: tuple[Any, ...], mistakes: Mistakes
) -> None:
    """Tell which settings a kind of fault does not take, or lacks."""
    takes = KINDS[kind]
    allowed: Collection[str] = (*_ALWAYS, *takes.settings)
    for key in fault.nodes:
        if key not in allowed and key in FaultSection.model_fields:
            known = ", ".join((*takes.settings, "after"))
            words = f"{kind.value} has no such setting; it takes {known}"
            mistakes.add(fault.keys.get(key), (*path, key), words)
    needed = ("where",) if "where" in takes.settings else ()
    for key in (*needed, *takes.needs):
        if key not in fault.nodes:
            description = FaultSection.model_fields[key].description
            words = f"found nothing; {kind.value} needs {key}: {description}"
            mistakes.add(fault.mark, (*path, key), words)
