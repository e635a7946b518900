"""What to do: the first row of a literal table that holds, each with its reason."""

from collections.abc import Callable

from prober.clock import NS
from prober.report.now.case import Case
from prober.report.now.checks import checks
from prober.report.now.conditions import Condition
from prober.report.now.ladder import next_try_ns
from prober.report.now.sentences import clock

_Holds = Callable[[Case, Condition], bool]
_Words = Callable[[Case], str]


def hint(case: Case, condition: Condition) -> str:
    """Return what somebody who was woken by this can do; empty if there is nothing."""
    for holds, words in HINTS:
        if holds(case, condition):
            return words(case)
    return ""


def _check(case: Case) -> str:
    return f"prober check {case.known.environment}"


def _wait(case: Case) -> str:
    ends = next_try_ns(case.since_ns or case.at_ns, case.at_ns)
    by = clock(-(-ends // (10 * NS)) * 10 * NS, case.at_ns)
    return f"wait to {by}, else reconnect nozzles | {_check(case)}"


def _dropped(case: Case, component: str, direction: str) -> bool:
    return any(
        each.increase
        and each.counter == "dropped"
        and each.component == component
        and each.direction == direction
        for cycle in case.known.recent
        if cycle.scheduled_ns >= (case.since_ns or case.at_ns) - 60 * NS
        for each in cycle.platform
    )


def _why_not(case: Case) -> str:
    return case.live.why_not.lower() if case.live is not None else ""


def _losing(case: Case, condition: Condition) -> bool:
    del case
    return condition is Condition.LOSING


HINTS: tuple[tuple[_Holds, _Words], ...] = (
    (
        # A daemon that says nothing cannot be asked: its machine can.
        lambda c, _: c.silent,
        lambda c: (
            f"look where {c.live.daemon if c.live else 'it'} was: is prober watch up?"
        ),
    ),
    (
        # The proxy comes back to its router by itself, in steps that are known.
        lambda c, condition: _losing(c, condition) and bool(c.blind),
        _wait,
    ),
    (
        # Before anybody touches the platform: what we measured may be our own doing.
        lambda c, condition: (
            _losing(c, condition) and not all(k.well for k in checks(c))
        ),
        lambda c: f"look at this prober first | {_check(c)}",
    ),
    (
        # A router's ring overran because somebody reads it too slowly.
        lambda c, condition: _losing(c, condition) and _dropped(c, "router", "egress"),
        lambda _: "consumers are slow or too few: add nozzle instances, then RLPs",
    ),
    (
        # What comes in is more than a router takes over in time.
        lambda c, condition: _losing(c, condition) and _dropped(c, "router", "ingress"),
        lambda _: "routers take in more than they can: add routers, find the loud app",
    ),
    (
        # The RLP's own buffer of a stream overran: its consumer is slow.
        lambda c, condition: _losing(c, condition) and _dropped(c, "RLP", "egress"),
        lambda _: "a consumer of the RLP is slow: add its instances, or RLPs",
    ),
    (
        # One of ours tells of it by itself, others where their metrics are scraped.
        lambda c, condition: (
            _losing(c, condition)
            and any(_dropped(c, each, "ingress") for each in ("own agent", "agent"))
        ),
        lambda _: "an agent's buffer overran: a loud app on its VM, or a starved agent",
    ),
    (
        # One way out alone loses: the others prove that it was there to be had.
        lambda c, condition: _losing(c, condition) and len(c.missing) < len(c.names),
        lambda c: f"look at the way out of {' and '.join(c.missing)} | {_check(c)}",
    ),
    (
        _losing,
        lambda c: f"look at agents and routers: restarts, CPU, network | {_check(c)}",
    ),
    (
        # The commonest of our own faults, by the words that peers have for it.
        lambda c, condition: (
            condition is Condition.NOT_MEASURED
            and any(word in _why_not(c) for word in ("token", "401", "scope", "secret"))
        ),
        lambda c: f"renew the client's secret or its scopes | {_check(c)}",
    ),
    (
        lambda c, condition: (
            condition is Condition.NOT_MEASURED
            and any(word in _why_not(c) for word in ("certificate", "handshake", "tls"))
        ),
        lambda c: f"look at the certificates: dates, names, authority | {_check(c)}",
    ),
    (
        lambda _, condition: condition is Condition.NOT_MEASURED,
        _check,
    ),
    (
        # Nothing is on fire: what is left to decide is what is risked next.
        lambda _, condition: condition is Condition.OVER_BUDGET,
        lambda c: (
            "hold risky changes until the budget has recovered | "
            f"prober report {c.known.environment}"
        ),
    ),
    (
        lambda _, condition: condition is Condition.UNSURE,
        _check,
    ),
)
"""When it holds, and what it says; the reason stands above the row."""
