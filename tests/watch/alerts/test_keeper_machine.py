"""Alerts begin and end, receivers go and come, daemons restart: who hears what."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from prober.clock import NS
from prober.store.codecs import document, from_document
from prober.watch.alerts.keeper import GIVE_UP_NS, Keeper, State
from tests.watch.alerts.situations import environment, live
from tests.watch.facts import START_NS

RECEIVERS = ("Alertmanager", "webhook")
REPEAT_NS = 3_600 * NS
NAMES = ("east", "west")


class Alerts(RuleBasedStateMachine):
    """A keeper, and what each receiver heard of each alert, in the order it did."""

    def __init__(self) -> None:
        super().__init__()
        self.keeper = Keeper()
        self.now_ns = START_NS
        self.firing: set[str] = set()
        self.ended_ns: dict[str, int] = {}
        self.heard: dict[tuple[str, str], list[tuple[str, int]]] = {}

    @rule(
        blind=st.sets(st.sampled_from(NAMES)),
        later_s=st.sampled_from([1, 60, 3_600, 86_400]),
    )
    def look(self, blind: set[str], later_s: int) -> None:
        """Hold the rules against what is so now."""
        self.now_ns += later_s * NS
        seen = [
            environment({}, name=name, live=live(blind=name in blind)) for name in NAMES
        ]
        self.keeper.update(self.now_ns, seen, RECEIVERS)
        for name in self.firing - blind:
            self.ended_ns[name] = self.now_ns
        self.firing = set(blind)
        for key in [*self.heard]:
            ended_ns = self.ended_ns.get(key[1], self.now_ns)
            if key[1] not in blind and self.now_ns - ended_ns >= GIVE_UP_NS:
                del self.heard[key]  # nobody waits for it any more

    @rule(receiver=st.sampled_from(RECEIVERS), there=st.booleans())
    def tell(self, receiver: str, there: bool) -> None:  # noqa: FBT001 - drawn
        """Tell a receiver what it has to hear; one that is away hears nothing."""
        due = self.keeper.due(receiver, self.now_ns, REPEAT_NS)
        if not there:
            return
        for entry in due:
            key = receiver, entry.alert.labels["env"]
            self.heard.setdefault(key, []).append((entry.status, self.now_ns))
        self.keeper.heard(receiver, due, self.now_ns)
        assert [] == self.keeper.due(receiver, self.now_ns, REPEAT_NS)

    @rule()
    def restart(self) -> None:
        """Go on as another daemon, from what history kept."""
        before = self.keeper
        self.keeper = Keeper()
        self.keeper.restore(from_document(document(before.state()), State))
        assert before.entries == self.keeper.entries

    @invariant()
    def fires_what_is_so(self) -> None:
        """What fires is what the last look found, each once."""
        firing = [
            entry.alert.labels["env"]
            for entry in self.keeper.entries
            if entry.ends_ns is None
        ]
        assert sorted(self.firing) == sorted(firing)

    @invariant()
    def is_heard_in_order(self) -> None:
        """Nobody hears an end without a beginning, nor the same end twice."""
        for heard in self.heard.values():
            told = [status for status, _ in heard]
            assert "firing" == told[0]
            assert all(
                not (status == last == "resolved")
                for last, status in itertools.pairwise(told)
            )

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Who believes that something fires that does not is told, for a day."""
        for (receiver, name), heard in self.heard.items():
            if name not in self.firing and heard[-1][0] == "firing":
                due = self.keeper.due(receiver, self.now_ns, REPEAT_NS)
                assert name in [each.alert.labels["env"] for each in due]


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, derandomize=True
)
