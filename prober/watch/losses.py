"""Loss, told when it becomes final: at once, and then at most once a minute."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prober.clock import NS
from prober.history import COUNTED, CycleRecord
from prober.records import State
from prober.report.words import STATES, many
from prober.watch.notices import Notice, Said, Tell

EVERY_NS = 60 * NS


class Losses:
    """Tells of the cycles of one environment that were no PASS."""

    def __init__(self, environment: str, tell: Tell) -> None:
        self._environment, self._tell = environment, tell
        self._told_ns: dict[Said, int] = {}
        self._untold: list[CycleRecord] = []
        self._losing = False

    def take(self, cycle: Sequence[CycleRecord], now_ns: int) -> None:
        """Take in a cycle that became final, as every consumer saw it."""
        lossy = [each for each in cycle if each.state is State.LOSS]
        void = [each for each in cycle if each.state not in (*COUNTED, State.MISSED)]
        if lossy:
            self._losing = True
            self._untold += lossy
            self._say("loss", now_ns)
        elif self._losing and any(each.state is State.PASS for each in cycle):
            self._losing = False
            self._told_ns.pop("loss", None)
            if self._untold:
                self._say("loss", now_ns)
                self._told_ns.pop("loss")
            self._notice("loss_over", now_ns, "nothing lost again", {})
        if void and self._due("void", now_ns):
            self._notice("void", now_ns, _void(void), {"reason": void[0].reason})

    def _say(self, said: Said, now_ns: int) -> None:
        if not self._due(said, now_ns):
            return
        untold, self._untold = self._untold, []
        figures = {
            "bad": sum(c.bad for c in untold),
            "total": sum(c.total for c in untold),
        }
        self._notice(said, now_ns, _lost(untold), figures)

    def _due(self, said: Said, now_ns: int) -> bool:
        due = now_ns - self._told_ns.get(said, now_ns - EVERY_NS) >= EVERY_NS
        if due:
            self._told_ns[said] = now_ns
        return due

    def _notice(
        self, said: Said, now_ns: int, words: str, figures: Mapping[str, int | str]
    ) -> None:
        self._tell(
            Notice(
                at_ns=now_ns,
                said=said,
                words=words,
                environment=self._environment,
                figures=figures,
            )
        )


def _lost(cycles: Iterable[CycleRecord]) -> str:
    bad: Counter[str] = Counter()
    total: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for cycle in cycles:
        bad[cycle.consumer] += cycle.bad
        total[cycle.consumer] += cycle.total
        number[cycle.consumer] += 1
    parts = [
        f"{bad[name]:,} of {total[name]:,} on {name}"
        + (f" in {many(number[name], 'cycle')}" if number[name] > 1 else "")
        for name in bad
    ]
    return f"lost {', '.join(parts)}"


def _void(cycles: Sequence[CycleRecord]) -> str:
    first = cycles[0]
    assert first.state is not None  # noqa: S101 - they are final
    names = ", ".join(dict.fromkeys(each.consumer for each in cycles))
    return f"not counted on {names}, {STATES[first.state]}: {first.reason}"
