"""The answer, in sentences and in one line: the count first, the nines last."""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from prober import slo
from prober.report.model import Consumer, Report
from prober.report.watched import Watched
from prober.report.words import many, tight


def sentences(report: Report) -> list[str]:
    """Return what it comes to; each opens with that in capitals."""
    judged = report.verdict.state is not None
    found = report.verdict.reason if judged else _finding(report)
    partial = [_partial(report)] if report.result.partial else []
    if report.early and report.claim.supports is not None:
        return [found, *partial, report.claim.reason]
    return [
        found,
        *partial,
        *promise(
            report.claim,
            report.target,
            report.needed,
            holes=report.verdict.state in HOLES,
        ),
    ]


def line(report: Report) -> list[str]:
    """Return the parts of the one-line form, for the worst consumer.

    Those that do not apply are left out, and all of them when nothing counts.
    """
    worst = report.worst
    if worst is None:
        return []
    told = lossy(worst.lossy_cycles, "lossy cycle", worst.largest_loss)
    return line_of(worst, report.claim, told, whose(worst, report.consumers))


def line_of(
    worst: Consumer | Watched, claim: slo.Claim, lossy: str, where: str
) -> list[str]:
    """Return the parts of the one-line form that apply, the count first."""
    parts = [
        (f"{where}: " if where else "") + lost_of(worst),
        _ratio(worst),
        _budget(worst),
        _supports(claim).replace(" %", "%"),
        lossy,
        _coverage(worst),
    ]
    return [part for part in parts if part]


def _partial(report: Report) -> str:
    attempted = max((each.counts.attempted for each in report.consumers), default=0)
    plan = report.result.plan
    planned = plan.messages - plan.cycles * plan.control
    if report.cycles and len(report.cycles) < plan.cycles:  # the most, not the plan
        return f"PARTIAL: interrupted after {many(attempted, 'message')}."
    return f"PARTIAL: interrupted after {attempted:,} of {many(planned, 'message')}."


def _finding(report: Report) -> str:
    """Return what was found, without an objective to hold it against."""
    return finding(report.worst, whose(report.worst, report.consumers))


def whose(
    worst: Consumer | Watched | None, consumers: Sequence[Consumer | Watched]
) -> str:
    """Return which of several consumers is told of: `every consumer` if all are alike.

    Empty for a single one.
    """
    if worst is None or len(consumers) == 1:
        return ""
    fared = {(c.valid.bad, c.valid.accepted, c.coverage, c.unseen) for c in consumers}
    return "every consumer" if len(fared) == 1 else worst.name


def finding(worst: Consumer | Watched | None, where: str) -> str:
    """Return what was found on the worst consumer, which `where` names."""
    if worst is None:
        return "NO DATA: no message was accepted in a cycle that counts."
    bad, total = worst.valid.bad, worst.valid.accepted
    on = f" on {where}" if where else ""
    if bad:
        rate = slo.one_in(bad, total)
        return f"LOSS{on}: {bad:,} of {many(total, 'message')} lost or damaged, {rate}."
    if worst.coverage == 1:
        return f"ALL ARRIVED: {total:,} of {many(total, 'message')}."
    return f"NONE LOST: all {many(total, 'message')} of the cycles that count arrived."


HOLES = ("inconclusive", "no_data")
"""Verdicts on a sample of which too much is missing to prove anything."""


def promise(
    claim: slo.Claim, target: Decimal | None, needed: int | None, *, holes: bool
) -> list[str]:
    """Return what the sample supports as a promise, and its basis."""
    if claim.supports is None:
        return []
    basis = f"if one drop can cost {many(claim.worst_burst, 'message')}"
    supports = f"this {_supports(claim)}"
    if target is None:
        return [f"AS A PROMISE {supports} {basis}."]
    if claim.state == "disproved":
        lower = slo.format_loss(claim.lower95, up=False)
        allowed = slo.format_target(1 - target)
        favourable = f"even the favourable end, {lower} lost, exceeds {allowed}"
        return [f"DISPROVED as a promise: {favourable}."]
    if claim.state == "proved" and holes:
        measured = f"what was measured {_supports(claim)} {basis}"
        return [f"UNDECIDED as a promise: {measured}, but holes prove nothing."]
    if claim.state == "proved":
        return [f"PROVED as a promise: {supports} {basis}."]
    asked = slo.format_target(target)
    more = f"; {asked} takes about {_about(needed)}" if needed else ""
    return [f"UNDECIDED as a promise: {supports} {basis}{more}."]


def _about(messages: int) -> str:
    """Return `29,950,000 more, all arriving`: four digits, rounded up."""
    step = 10 ** max(0, len(str(messages)) - 4)
    return f"{-(-messages // step) * step:,} more, all arriving"


def lost_of(consumer: Consumer | Watched) -> str:
    """Return `lost 13,351 + corrupt 4 of 42,999,400, 1 in 3,219`."""
    valid = consumer.valid
    corrupt = f" + corrupt {valid.corrupt:,}" if valid.corrupt else ""
    rate = f", {slo.one_in(valid.bad, valid.accepted)}" if valid.bad else ""
    return f"lost {valid.lost:,}{corrupt} of {valid.accepted:,}{rate}"


def _ratio(consumer: Consumer | Watched) -> str:
    bad, total = consumer.valid.bad, consumer.valid.accepted
    if not bad:
        return ""
    return f"{slo.format_ratio(bad, total)}, {slo.format_nines(bad, total)}"


def _budget(consumer: Consumer | Watched) -> str:
    budget = consumer.budget
    if budget is None:
        return ""
    told = f"budget {left(budget.remaining)}"
    if not consumer.unseen:
        return told
    worst = left(budget.remaining_if_unseen_lost).removesuffix(" left")
    return f"{told} ({worst} if all unseen was lost)"


def left(share: Fraction) -> str:
    """Return `68.9% left`, or how many times over the budget is spent, rounded up."""
    if share == 1:
        return "untouched"
    if share >= 0:
        return f"{tight(share)} left"
    spent = 1 - share
    digits = 1 if spent < 10 else 0  # noqa: PLR2004 - two digits are enough
    times = Fraction(math.ceil(spent * 10**digits), 10**digits)
    return f"spent {float(times):,.{digits}f} times"


def _supports(claim: slo.Claim) -> str:
    if claim.supports is None:
        return ""
    if claim.supports <= 0:
        return "supports nothing yet"
    return f"supports {slo.format_share(Fraction(claim.supports))}"


def lossy(count: int, noun: str, largest: int) -> str:
    """Return `5 lossy hours, largest 9,800`; nothing for none."""
    return f"{many(count, noun)}, largest {largest:,}" if count else ""


def _coverage(consumer: Consumer | Watched) -> str:
    if consumer.coverage is None or consumer.coverage == 1:
        return ""
    return f"measured {tight(consumer.coverage)} of the time"
