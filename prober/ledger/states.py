"""How a cycle ended for one consumer: the rules, as one literal table."""

from collections.abc import Callable
from dataclasses import dataclass

from prober.records import Counts, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of a cycle and a consumer when the cycle is judged."""

    counts: Counts
    own_fault: str = ""
    """A fault of the prober, measured while the cycle was open."""
    reader_away: str = ""
    """Why the reader was not attached for some of that time."""
    attached: bool = True
    """Something was received that proves the path after the cycle's last send."""
    held_back: str = ""
    """While all that is missing was due nothing whatever was received."""
    blind: str = ""
    """A fresh subscription got what this one missed: the platform's fault."""
    control: str = ""
    """What is wrong with the positive control."""
    seconds_short: float = 0.0
    """How long before its deadline the cycle had to be judged."""


def _not_started(finding: Finding) -> str:
    return "" if finding.counts.attempted else "not started"


def _nothing_expected(finding: Finding) -> str:
    if finding.counts.attempted > finding.counts.not_expected:
        return ""
    return "nothing in it that this way out can carry"


def _own_fault(finding: Finding) -> str:
    # It may have hidden a loss as well as made one: what was missing is not kept back.
    if finding.own_fault and (bad := _bad(finding)):
        return f"{finding.own_fault}; uncounted: {bad}"
    return finding.own_fault


def _unbalanced(finding: Finding) -> str:
    return (
        "" if finding.counts.balanced() else "the fates do not add up: a fault of ours"
    )


def _control_wrong(finding: Finding) -> str:
    return finding.control


def _writer_broke(finding: Finding) -> str:
    ambiguous = finding.counts.ambiguous
    if not ambiguous:
        return ""
    return f"writer stream broke with {ambiguous:,} unacknowledged"


def _nothing_accepted(finding: Finding) -> str:
    return "" if finding.counts.accepted else "the ingress refused every message"


def _reader_away(finding: Finding) -> str:
    return finding.reader_away


def _cut_short(finding: Finding) -> str:
    if not finding.counts.bad or finding.seconds_short <= 0:
        return ""
    return f"ended {finding.seconds_short:.1f} s before the last deadline"


def _no_evidence(finding: Finding) -> str:
    # Without a sign of life after the last send, a dead reader looks like a dead
    # platform. When everything arrived, that is sign enough.
    if finding.attached or not finding.counts.bad:
        return ""
    return "no sign that the reader was attached to the end"


def _held_back(finding: Finding) -> str:
    # A line of ours that stands still looks like a platform that does. What is dropped
    # meanwhile never comes, and is told: only what came behind its deadline is unsure,
    # and, while that is coming, what did not come yet.
    if not finding.held_back or finding.counts.corrupt:
        return ""
    late = finding.counts.after_deadline
    unseen = finding.counts.lost - late
    words = [f"then {late:,} came too late"] if late else []
    words += [f"{unseen:,} had not come yet"] if unseen else []
    return ", and ".join([finding.held_back, *words])


def _blind(finding: Finding) -> str:
    return (
        f"{finding.blind}: {_bad(finding)}" if finding.blind and _bad(finding) else ""
    )


def _bad(finding: Finding) -> str:
    lost, corrupt = finding.counts.lost, finding.counts.corrupt
    words = [f"{lost:,} lost"] if lost else []
    words += [f"{corrupt:,} corrupt"] if corrupt else []
    return ", ".join(words)


_Rule = Callable[[Finding], str]
"""Returns the reason why it applies, empty if it does not."""

RULES: tuple[tuple[State, _Rule], ...] = (
    # The first rule that gives a reason decides.
    (State.MISSED, _not_started),  # scheduled, and nothing of it was sent
    (State.EXCLUDED, _nothing_expected),  # no business of this consumer's
    (State.INVALID, _own_fault),  # we measured that we ourselves were at fault
    (State.INVALID, _unbalanced),  # our accounts are wrong: believe nothing of them
    (State.INVALID, _control_wrong),  # what we planted was not found: trust nothing
    (State.INCONCLUSIVE, _writer_broke),  # nobody knows what was handed over
    (State.INCONCLUSIVE, _nothing_accepted),  # nothing to deliver, nothing to judge
    (State.INCONCLUSIVE, _reader_away),  # we were not there to see
    (State.INCONCLUSIVE, _cut_short),  # what is missing may still have come
    (State.LOSS, _blind),  # left behind: every nozzle connected then suffers it
    (State.INCONCLUSIVE, _no_evidence),  # we may not have been there to see
    (State.INCONCLUSIVE, _held_back),  # our line may have stood still
    (State.LOSS, _bad),
)


def judge(finding: Finding) -> tuple[State, str]:
    """Return the state of a cycle for a consumer, and why; PASS if no rule applies."""
    for state, rule in RULES:
        reason = rule(finding)
        if reason:
            return state, reason
    return State.PASS, ""
