"""What became of each message, as the witness inside the stack saw it leave.

One message at a time, in plain Python: slow, simple, and nothing of the ledger in it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields

from prober.ledger import Deadlines
from prober.pipeline.faults import Passed, Witness
from prober.records import Span

_PLACES = {"rlp": "rlp", "gateway": "gateway", "v1": "firehose"}
"""Where each consumer's messages leave the stack."""


@dataclass(slots=True)
class Fates:
    """What became of the messages of one cycle; `lost` has their numbers."""

    accepted: int = 0
    on_time: int = 0
    late: int = 0
    corrupt: int = 0
    lost: set[int] = field(default_factory=set)
    duplicates: int = 0
    after_deadline: int = 0
    reordered: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """All of it as numbers, by name."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {n: len(v) if isinstance(v, set) else v for n, v in values}

    @property
    def bad(self) -> int:
        """Lost or damaged."""
        return len(self.lost) + self.corrupt


class Truth:
    """One consumer's messages of one run."""

    def __init__(
        self, witness: Witness, run: str, consumer: str, deadlines: Deadlines
    ) -> None:
        self._deadlines = deadlines
        taken = _of(run, witness.passed["writer", ""])
        self._taken = {each.sequence for each in taken}
        place, own = _PLACES[consumer], f"{consumer}.0-"
        left = [
            each
            for (where, stream), passed in witness.passed.items()
            if where == place and stream.startswith(own)
            for each in _of(run, passed)
        ]
        left.sort(key=lambda each: each.at_ns)
        self._arrivals: dict[int, list[Passed]] = {}
        for each in left:
            self._arrivals.setdefault(each.sequence, []).append(each)
        self._overtaken = _overtaken(left)

    def fates(self, span: Span, expected: Collection[int]) -> Fates:
        """Return what became of a cycle's messages that were to reach the consumer."""
        found = Fates()
        for sequence in range(span.first, span.end):
            arrivals = self._arrivals.get(sequence, [])
            found.duplicates += max(0, len(arrivals) - 1)
            found.reordered += sequence in self._overtaken
            if sequence in expected and sequence in self._taken:
                found.accepted += 1
                self._decide(found, sequence, arrivals)
        return found

    def _decide(self, found: Fates, sequence: int, arrivals: Sequence[Passed]) -> None:
        whole = next((each for each in arrivals if each.intact), None)
        if whole is None and arrivals:
            found.corrupt += 1
            return
        took_ns = None if whole is None else whole.at_ns - whole.sent_ns
        if took_ns is None or took_ns > self._deadlines.lost_after_ns:
            found.lost.add(sequence)
            found.after_deadline += took_ns is not None
        elif took_ns > self._deadlines.late_after_ns:
            found.late += 1
        else:
            found.on_time += 1


def _of(run: str, passed: Iterable[Passed]) -> list[Passed]:
    return [each for each in passed if each.run == run]


def _overtaken(left: Iterable[Passed]) -> set[int]:
    """Return the messages that first came whole after one with a higher number."""
    overtaken: set[int] = set()
    came: set[int] = set()
    highest = -1
    for each in left:
        if not each.intact:
            continue
        if each.sequence not in came and each.sequence < highest:
            overtaken.add(each.sequence)
        came.add(each.sequence)
        highest = max(highest, each.sequence)
    return overtaken
