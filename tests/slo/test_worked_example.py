"""Thirty days at 99.9 %, a cycle of 1,000 a minute: every figure, by hand and by us."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from prober import slo
from prober.clock import NS
from prober.records import Span, State
from prober.slo import burn

HOURS = (9_800, 3_100, 412, 42, 1)
BAD, ACCEPTED = 13_355, 42_999_400
STATES = {
    State.PASS: 43_000 - len(HOURS),
    State.LOSS: len(HOURS),
    State.INCONCLUSIVE: 150,
    State.INVALID: 30,
    State.EXCLUDED: 20,
    State.MISSED: 0,
}


@pytest.fixture(scope="module")
def month() -> slo.Evidence:
    """Return the month's evidence in blocks of an hour."""
    return slo.Evidence(
        consumer="rlp",
        blocks=(*(slo.Tally(bad, 60_000) for bad in HOURS), slo.Tally(0, 42_699_400)),
        states=STATES,
        unsure=slo.Tally(10_000, 150_000),
        uncounted=180_000,
    )


def digits(expected: float) -> object:
    """Return a value that equals whatever agrees with it in nine digits or more."""
    return pytest.approx(expected, rel=5.1e-10)


def test_ratio_and_nines(month: slo.Evidence) -> None:
    """1, 2: the ratio and the nines of the counted messages."""
    assert digits(0.9996894143) == month.counted.sli
    assert digits(3.507818503) == slo.nines(*month.counted)


def test_budget() -> None:
    """3, 4: allowed, consumed and remaining."""
    found = slo.budget(BAD, ACCEPTED, "99.9")

    assert digits(42_999.4) == found.allowed
    assert digits(29_644.4) == found.remaining_messages
    assert digits(0.3105857291) == found.consumed
    assert digits(0.6894142709) == found.remaining


def test_overspent() -> None:
    """5: what is overspent is not clamped."""
    found = slo.budget(BAD, ACCEPTED, "99.99")

    assert digits(3.105857291) == found.consumed
    assert digits(-2.105857291) == found.remaining
    assert "exhausted" == found.status


def test_coverage(month: slo.Evidence) -> None:
    """6: excluded cycles are not held against the coverage."""
    assert Fraction(43_000, 43_180) == month.coverage


def test_worst_case(month: slo.Evidence) -> None:
    """7: what went unseen in inconclusive cycles is lost in the worst case."""
    found = slo.budget_of(month, "99.9")

    assert digits(0.999458741) == month.worst.sli
    assert digits(3.26659489) == slo.nines(*month.worst)
    assert digits(0.4587410254) == found.worst_remaining


def test_interval() -> None:
    """8 to 10: effective bursts, the interval, and the nines that may be claimed."""
    found = slo.interval(HOURS, ACCEPTED, worst_burst=1000)

    assert digits(1.685442087) == found.k_eff
    assert digits(2.808412831e-05) == found.lower
    assert digits(1.352683966e-03) == found.upper
    assert digits(1.170935988e-03) == found.upper_one_sided
    assert digits(2.931466846) == found.nines_lower


def test_naive_interval() -> None:
    """11: the binomial interval, far too narrow."""
    found = slo.naive(BAD, ACCEPTED).clopper_pearson

    assert (digits(3.053410505e-04), digits(3.158978732e-04)) == found


@pytest.mark.parametrize(
    ("bad", "expected"), [(900, 15.0), (864, 14.4), (1000, 16.66666667)]
)
def test_burn_rate(bad: int, expected: float) -> None:
    """12, 13: burn rates over an hour."""
    assert digits(expected) == slo.burn_rate(bad, 60_000, "99.9")


def test_wiped_cycle() -> None:
    """13: one wiped cycle costs a fortieth of the month."""
    assert digits(0.02314814815) == slo.budget(1000, 43_200_000, "99.9").consumed


@pytest.mark.parametrize(
    ("burst", "upper", "nines"),
    [
        (1000, 9.985774245e-03, 2.000618257),
        (100, 9.985774245e-04, 3.000618257),
        (1, 9.985774245e-06, 5.000618257),
    ],
)
def test_no_losses(burst: int, upper: float, nines: float) -> None:
    """14, 15: without losses the bound is three worst bursts."""
    found = slo.interval([], 300_000, worst_burst=burst)

    assert digits(upper) == found.upper_one_sided
    assert digits(nines) == found.nines_lower


def test_diagnostics() -> None:
    """16: design effect, effective messages, intraclass correlation."""
    found = slo.diagnose([(100, 1000), (40, 1000), *[(0, 1000)] * 298])

    assert digits(82.70462511) == found.deff
    assert digits(3627.366663) == found.n_eff
    assert digits(0.08176359481) == found.icc


def test_two_bursts() -> None:
    """17: two bursts, with two worst bursts declared."""
    found = slo.interval([100, 40], 300_000, worst_burst=100)
    cautious = slo.interval([100, 40], 300_000, worst_burst=1000)

    assert digits(4.239280139e-05) == found.lower
    assert digits(2.006755476e-03) == found.upper
    assert digits(1.261250761e-02) == cautious.upper


def test_wider_than_korn_and_graubard() -> None:
    """18: the interval of surveys, which we do not use, is inside of ours above."""
    from scipy.special import betaincinv, ndtri, stdtrit

    n_eff = slo.diagnose([(100, 1000), (40, 1000), *[(0, 1000)] * 298]).n_eff
    assert n_eff is not None
    n_eff *= (ndtri(0.975) / stdtrit(299, 0.975)) ** 2
    bad = n_eff * 140 / 300_000
    upper = betaincinv(bad + 1, n_eff - bad, 0.975)

    assert digits(4.190611945e-05) == betaincinv(bad, n_eff - bad + 1, 0.025)
    assert digits(1.863420976e-03) == upper
    assert upper < slo.interval([100, 40], 300_000, worst_burst=100).upper


def test_plain_intervals_of_none() -> None:
    """19: none of 3,000, as if losses were independent."""
    found = slo.naive(0, 3000)

    assert digits(1.278848725e-03) == found.wilson[1]
    assert digits(1.228870804e-03) == found.clopper_pearson[1]
    assert digits(8.368941949e-04) == found.jeffreys[1]
    assert digits(9.98079012e-04) == found.clopper_pearson_upper


def test_plain_intervals_of_three() -> None:
    """20: three of 10,000, as if losses were independent."""
    found = slo.naive(3, 10_000)

    assert (digits(1.020321994e-04), digits(8.817357722e-04)) == found.wilson
    assert (digits(6.187148575e-05), digits(8.764745225e-04)) == found.clopper_pearson
    assert (digits(8.450045214e-05), digits(8.004178111e-04)) == found.jeffreys


def test_messages_for() -> None:
    """21: messages for three nines with some losses."""
    found = [slo.messages_for("99.9", losses) for losses in (0, 1, 2, 3, 5)]

    assert [2995, 4742, 6294, 7752, 10_511] == found


@pytest.mark.parametrize(
    ("burst", "cycle", "blocks"), [(1000, 1000, 3644), (100, 500, 728)]
)
def test_first_decision(burst: int, cycle: int, blocks: int) -> None:
    """22: the first clean cycle that decides is the one that was foretold."""
    process = slo.sequential("99.9", worst_burst=burst, cycle=cycle)
    foretold = process.messages_needed()

    assert blocks * cycle == foretold
    assert [None] * (blocks - 1) == [process.add(0, cycle) for _ in range(blocks - 1)]
    assert "met" == process.add(0, cycle)


def test_evidence_for_met() -> None:
    """23: 3,000 clean cycles are not enough."""
    process = slo.sequential("99.9", worst_burst=1000, cycle=1000)
    for _ in range(3000):
        process.add(0, 1000)

    assert digits(2.380102042) == process.log_evidence[0]
    assert process.decision is None


def test_evidence_for_violated() -> None:
    """24: three lossy cycles of a hundred, in any order."""
    process = slo.sequential("99.9", worst_burst=1000, cycle=1000)
    for bad in (200, *[0] * 97, 100, 50):
        process.add(bad, 1000)

    assert digits(0.4578511665) == process.log_evidence[1]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (28, (13.44, 5.6, 2.8, 0.93333333333)),
        (30, (14.4, 6, 3, 1)),
        (7, (3.36, 1.4, 0.7, 0.23333333333)),
    ],
)
def test_factors(days: int, expected: tuple[float, ...]) -> None:
    """25: the workbook's shares of a period, in burn rates."""
    shares = {3600: "0.02", 6 * 3600: "0.05", 86_400: "0.1", 3 * 86_400: "0.1"}
    found = [
        float(burn.factor(share, period_s=days * 86_400, long_s=long_s))
        for long_s, share in shares.items()
    ]

    assert [digits(each) for each in expected] == found


@pytest.mark.parametrize(
    ("base", "candidate", "lossy", "p"),
    [
        (100, 100, 4, 0.06062036069),
        (100, 100, 5, 0.02969160523),
        (1000, 100, 2, 0.008189262966),
        (43_000, 100, 1, 0.002320185615),
    ],
)
def test_permutation_floor(base: int, candidate: int, lossy: int, p: float) -> None:
    """26: what a few lossy blocks can show at most."""
    blocks = [(500, 1000)] * lossy + [(0, 1000)] * (candidate - lossy)

    assert digits(p) == slo.regression([(0, 1000)] * base, blocks).p_value


def test_two_consumers() -> None:
    """27: union, copies and intersection."""
    found = slo.across(
        10_000,
        {"rlp": [Span(first=10, count=5)], "v1": [Span(first=13, count=6)]},
    )

    assert [0.9998, 0.99945, 0.9991] == [
        found.union.sli,
        found.pair.sli,
        found.intersection.sli,
    ]
    assert (2, 7) == (found.lost_by_all, found.lost_by_some)


def test_timeslices() -> None:
    """28: seventeen bad slices."""
    slices = [(1, 1000)] * 100 + [(2, 1000)] * 17 + [(0, 1000)] * 42_883
    found = slo.timeslices(slices, "99.9", slice_target="99.9")

    assert digits(0.6046511628) == found.remaining


def test_calendar_month() -> None:
    """29: the budget of a whole calendar month is known ahead."""
    now_ns = round(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp()) * NS
    july = slo.calendar(now_ns, "month", UTC)
    planned = july.planned(every_ns=60 * NS, messages=1000)
    found = slo.budget(BAD, ACCEPTED, "99.9", planned=planned)

    assert 44_640.0 == found.allowed
    assert digits(0.700828853) == found.remaining


@pytest.mark.parametrize(
    ("loss", "minutes"), [("1", 0.864), ("0.1", 8.64), ("0.05", 17.28)]
)
def test_detection(loss: str, minutes: float) -> None:
    """30: how long a steady loss takes to fire the fastest rule."""
    rule = slo.burn_rules(30, every_s=60)[0]
    seconds = burn.time_to_fire(rule, Fraction(loss), "99.9")

    assert digits(minutes * 60) == seconds


def test_the_line_for_people(month: slo.Evidence) -> None:
    """The sentence that people read has all of this, and flatters nowhere."""
    found = slo.verdict([month], "99.9")

    assert (
        "WITHIN BUDGET: 13,355 of 42,999,400 probe messages lost or damaged, "
        "1 in 3,219; 99.9 % allows 42,999; 68.9 % is left "
        "(45.8 % if all that went unseen was lost)."
    ) == found.reason
    assert "99.9689%" == slo.format_ratio(*month.counted)
    assert "3.50 nines" == slo.format_nines(*month.counted)
    assert "99.88 %" == slo.format_share(
        1 - slo.interval(HOURS, ACCEPTED, worst_burst=1000).upper_one_sided
    )


def test_supports(month: slo.Evidence) -> None:
    """As a promise the month supports 99.88 %, not yet 99.9 %."""
    found = slo.claim([month], "99.9", worst_burst=1000)

    assert "undecided" == found.state
    assert found.supports is not None
    assert math.isclose(0.99882906, found.supports, abs_tol=1e-8)


def test_recommended_objective() -> None:
    """History supports 99.88 %, and would have kept most of its budget."""
    blocks = [(bad, 60_000) for bad in HOURS] + [(0, 60_000)] * 711
    found = slo.recommend(blocks, worst_burst=1000)

    assert found is not None
    assert Decimal("0.9988") == found.objective
    assert np.isclose(0.7410, found.budget.remaining or 0, atol=1e-3)
