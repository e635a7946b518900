"""Golden values: each row of `golden-slo.json`, to nine significant digits."""

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober import slo
from prober.records import State
from prober.slo import burn
from prober.slo.betting import Sequential

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden-slo.json").read_text()
)
Given = Mapping[str, Any]


def objective(loss: float) -> Decimal:
    """Return the objective whose budget is `loss`."""
    return 1 - Decimal(repr(loss))


def points(given: Given) -> Given:
    """Solve rows of points."""
    sample = slo.Tally(given["bad"], given["valid"])
    point = {"nines": slo.nines(*sample), "sli": sample.sli, "loss": sample.loss}
    if sample.bad:
        return point
    upper = slo.naive(*sample).clopper_pearson_upper
    return point | {
        "upper95_exact": upper,
        "rule_of_three": 3 / sample.total,
        "nines95": -math.log10(upper),
    }


def plain_intervals(given: Given) -> Given:
    """Solve rows of binomial intervals."""
    found = slo.naive(given["bad"], given["valid"])
    return {
        "wilson_lo": found.wilson[0],
        "wilson_hi": found.wilson[1],
        "cp_lo": found.clopper_pearson[0],
        "cp_hi": found.clopper_pearson[1],
        "jeffreys_lo": found.jeffreys[0],
        "jeffreys_hi": found.jeffreys[1],
        "cp_upper_onesided95": found.clopper_pearson_upper,
    }


def sizes(given: Given) -> Given:
    """Solve rows of sample sizes."""
    target = objective(given["target_loss"])
    counts = {f"n_c{c}": slo.messages_for(target, c) for c in (0, 1, 2, 3, 5)}
    return counts | {"n_zero_loss": counts["n_c0"]}


def intervals(given: Given) -> Given:
    """Solve rows of the block gamma interval."""
    found = slo.interval(given["x"], given["N"], worst_burst=given["W"])
    return {
        "y": found.bad,
        "k_eff": found.k_eff,
        "lo95": found.lower,
        "hi95": found.upper,
        "lower_onesided95": found.lower_one_sided,
        "upper_onesided95": found.upper_one_sided,
        "nines_claimed95": found.nines_lower,
    }


def betting(given: Given) -> Given:
    """Solve rows of the e-process."""
    process = after_clean(given["p0"], given["cap"], given.get("m", 0))
    return {
        "logE": process.log_evidence[0],
        "threshold": math.log(20),
        "decided": process.decision == "met",
        "m": process.messages_needed() // process.block,
    }


def after_clean(p0: float, cap: float, blocks: int) -> Sequential:
    """Return the e-process after so many blocks of 1,000 without loss."""
    process = slo.sequential(objective(p0), worst_burst=round(1000 * cap), cycle=1000)
    for _ in range(blocks):
        process.add(0, 1000)
    return process


def budgets(given: Given) -> Given:
    """Solve rows of error budgets."""
    total = given.get("valid", given.get("planned_valid"))
    bad = given.get("bad", given.get("bad_so_far"))
    found = slo.budget(bad, total, given["target"], planned=given.get("planned_valid"))
    return {
        "allowed": found.allowed,
        "consumed_ratio": found.consumed,
        "remaining_ratio": found.remaining,
        "remaining_messages": found.remaining_messages,
        "period_burn_rate": slo.burn_rate(bad, total, given["target"]),
    }


def coverage(given: Given) -> Given:
    """Solve the row of coverage."""
    states = {
        State.PASS: given["valid"],
        State.INCONCLUSIVE: given["inconclusive"],
        State.INVALID: given["invalid"],
        State.EXCLUDED: given["excluded"],
    }
    found = slo.evidence(
        "rlp",
        (
            slo.Cycle(final_ns=0, state=state, bad=0, total=1000, planned=1000)
            for state, count in states.items()
            for _ in range(count)
        ),
    )
    scheduled = sum(states.values()) - given["excluded"]
    assert found.coverage is not None
    return {
        "coverage": float(found.coverage),
        "inconclusive_share": found.states[State.INCONCLUSIVE] / scheduled,
    }


def factors(given: Given) -> Given:
    """Solve rows of burn-rate factors."""
    rules = slo.burn_rules(given["period_days"], every_s=60)
    names = ("page_1h_2pct", "page_6h_5pct", "ticket_1d_10pct", "ticket_3d_10pct")
    return {n: float(r.factor) for n, r in zip(names, rules, strict=False)}


def burning(given: Given) -> Given:
    """Solve rows of burn rates."""
    rate = slo.burn_rate(given["bad"], given["valid"], given["target"])
    rule = slo.burn_rules(30, every_s=60)[0]
    fires = Fraction(given["bad"], given["valid"]) >= rule.least_loss(given["target"])
    month = slo.budget(given["bad"], 43_200_000, given["target"])
    return {
        "burn": rate,
        "fires_14_4": fires,
        "fires_14_4_gte": fires,
        "budget_30d": month.consumed,
    }


def detection(given: Given) -> Given:
    """Solve the row of detection times."""
    rule = slo.Rule(
        severity="page",
        long_s=given["w"] * 60,
        short_s=300,
        factor=Fraction(repr(given["f"])),
    )
    losses = {"e100": "1", "e10": "0.1", "e5": "0.05"}
    return {
        name: (burn.time_to_fire(rule, Fraction(loss), given["slo"]) or 0) / 60
        for name, loss in losses.items()
    }


def ceiling(given: Given) -> Given:
    """Solve the row of the largest burn rate."""
    rule = slo.burn_rules(30, every_s=60)[0]
    refused = slo.refusal(rule, given["target"], period_s=30 * 86400, every_s=60)
    return {
        "max_burn": slo.max_burn_rate(given["target"]),
        "rule_14_4_can_fire": refused is None,
    }


def exhaustion(given: Given) -> Given:
    """Solve the row of time to exhaustion."""
    left = slo.time_to_exhaustion(
        given["remaining"], given["burn"], given["period_days"]
    )
    return {"days": left}


def permutation(given: Given) -> Given:
    """Solve rows of permutation tests."""
    lossy = [(10, 1000)] * given["k"]
    clean = [(0, 1000)] * (given["m_cand"] - given["k"])
    found = slo.regression([(0, 1000)] * given["m_base"], lossy + clean)
    return {"p": found.p_value}


def lap(_: Given) -> Given:
    """Solve the row of a diode's lap."""
    burst = slo.auto_worst_burst(10_000, ours=2, through=100)
    return {"burst_if_probe_share_2pct": burst, "W": burst}


SOLVERS: dict[str, Callable[[Given], Given]] = {
    "N": points,
    "I-": plain_intervals,
    "S": sizes,
    "R": intervals,
    "B": betting,
    "E": budgets,
    "E4": coverage,
    "F": factors,
    "BR": burning,
    "BR5": detection,
    "BR6": ceiling,
    "TTE": exhaustion,
    "P-": permutation,
    "Z": lap,
}
"""By the beginning of a row's id; the longest that fits."""


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_golden(row: dict[str, Any]) -> None:
    """Each figure of the row is computed to nine significant digits."""
    fitting = [start for start in SOLVERS if row["id"].startswith(start)]
    found = SOLVERS[max(fitting, key=len)](row["input"])

    expect = row["expect"]
    assert expect == {name: near(value, found[name]) for name, value in expect.items()}


def near(expected: Any, actual: Any) -> Any:  # noqa: ANN401 - any figure
    """Return the expected figure if the actual one agrees in nine digits."""
    if isinstance(expected, float) and isinstance(actual, float | int):
        return expected if math.isclose(expected, actual, rel_tol=5.1e-10) else actual
    return actual
