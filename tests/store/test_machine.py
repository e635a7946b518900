"""A history that is written, retried, killed, judged and pruned, beside a list."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from prober import slo
from prober.history import HOUR_NS, Annotation, CycleRecord, adjudicated, hours_of
from prober.records import State
from prober.store import open_store
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle, run

CYCLES = 200
"""Minutes that are written of: four hours, the last cut by the window."""
numbers = st.integers(0, CYCLES - 1)
ENDINGS = (State.PASS, State.LOSS, State.INCONCLUSIVE, State.INVALID, State.MISSED)


class History(RuleBasedStateMachine):
    """A store in a file, and what has to be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name, "history.sqlite")
        self.store = open_store(self.file)
        self.store.put_run(run())
        self.cycles: dict[int, CycleRecord] = {}
        self.annotations: list[Annotation] = []

    def teardown(self) -> None:
        """Close what is open."""
        self.store.close()
        self.folder.cleanup()

    @rule(first=numbers, count=st.integers(1, 20), repeat=st.booleans())
    def open(self, first: int, count: int, repeat: bool) -> None:  # noqa: FBT001 - drawn
        """Cycles open, and it may not be known whether that was written."""
        opened = [cycle(n, None) for n in range(first, min(first + count, CYCLES))]
        for _ in range(1 + repeat):
            self.store.put_cycles(opened)
        for each in opened:
            self.cycles.setdefault(each.index, each)

    @rule(
        first=numbers,
        count=st.integers(1, 20),
        state=st.sampled_from(ENDINGS),
        repeat=st.booleans(),
    )
    def end(self, first: int, count: int, state: State, repeat: bool) -> None:  # noqa: FBT001 - drawn
        """Cycles end; those that had ended before stay as they were."""
        ended = [cycle(n, state) for n in range(first, min(first + count, CYCLES))]
        new = [n.index for n in ended if not self._is_final(n.index)]
        assert len(new) == self.store.put_cycles(ended)
        if repeat:
            assert 0 == self.store.put_cycles(ended)
        for each in ended:
            if each.index in new:
                self.cycles[each.index] = each

    def _is_final(self, number: int) -> bool:
        return number in self.cycles and self.cycles[number].state is not None

    @rule()
    def die(self) -> None:
        """The daemon is gone, and another one opens the file."""
        self.store.close()
        self.store = open_store(self.file)

    @rule(
        kind=st.sampled_from(["note", "exclude", "reclassify"]),
        first=numbers,
        count=st.integers(1, 90),
    )
    def judge(self, kind: str, first: int, count: int) -> None:
        """Somebody decides about a time, whatever is in it."""
        from_ns = START_NS + first * MINUTE_NS
        asked = annotation(kind, from_ns=from_ns, to_ns=from_ns + count * MINUTE_NS)
        self.annotations.append(self.store.annotate(asked))

    @rule()
    def prune(self) -> None:
        """Old things go; nothing here is old."""
        self.store.prune(START_NS + CYCLES * MINUTE_NS)

    @invariant()
    def holds_each_cycle_once(self) -> None:
        """Every cycle is there once, as it was first final, and as people judged it."""
        measured = self.store.cycles(oldest_first=True, measured=True)
        assert [self.cycles[n] for n in sorted(self.cycles)] == measured
        judged = self.store.cycles(oldest_first=True)
        assert [adjudicated(each, self.annotations) for each in measured] == judged

    @invariant()
    def hours_are_sums(self) -> None:
        """A window's hours are the sums of the cycles in it, whole or cut."""
        judged = self.store.cycles(oldest_first=True)
        for end_ns in (START_NS + 10 * HOUR_NS, START_NS + 97 * MINUTE_NS):
            inside = [each for each in judged if (each.final_ns or end_ns) < end_ns]
            told = self.store.history("production", START_NS, end_ns).hours
            assert tuple(hours_of(inside)) == told
            summed = self.store.summary("production", START_NS, end_ns)
            assert slo.evidence_of_hours(told) == summed.evidence


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, derandomize=True
)
