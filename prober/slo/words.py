"""Numbers as people read them: counts first, cut off so that they never flatter."""

import math
from decimal import Decimal
from fractions import Fraction

from prober.slo.tallies import nines, tally

NO_DATA = "no data"
"""What stands where nothing was counted: neither 0 nor 1."""
_FEW = 10
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def one_in(bad: int, total: int) -> str:
    """Return `1 in 3,219`, the rate of a loss, cut off downwards.

    `none` when nothing was bad, `all` when everything was, `nearly all` where that is
    what `1 in 1.0` would be, `no data` for nothing.
    """
    bad, total = tally(bad, total)
    if not total:
        return NO_DATA
    if bad in (0, total):
        return "all" if bad else "none"
    if 10 * total < 11 * bad:
        return "nearly all"
    if total < _FEW * bad:
        return f"1 in {floor_text(Fraction(total, bad), 1)}"
    return f"1 in {total // bad:,}"


def many(count: int, noun: str) -> str:
    """Return `1 cycle`, `2 cycles`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def were(count: int) -> str:
    """Return `was` of one, `were` of none and of several."""
    return "was" if count == 1 else "were"


def format_p(chance: float) -> str:
    """Return a p value as `0.0021`, with two digits, rounded up: it proves no more."""
    exact = _exact(chance)
    digits = 1 - math.floor(math.log10(exact)) if exact > 0 else 0
    rounded = Decimal(math.ceil(exact * 10**digits)).scaleb(-digits)
    return f"{float(rounded):.2g}"


def format_ratio(bad: int, total: int) -> str:
    """Return `99.9689%`, the share that was good, cut off downwards.

    At least four decimals, and as many as show two digits of the loss. A sample without
    losses is no 100 %: it reads `none lost`. `no data` for nothing.
    """
    bad, total = tally(bad, total)
    if not total:
        return NO_DATA
    if not bad:
        return "none lost"
    loss = Fraction(bad, total)
    return floor_text(100 * (1 - loss), max(4, _digits(loss))) + "%"


def format_nines(bad: int, total: int) -> str:
    """Return `3.50 nines`, cut off to two decimals and never rounded up.

    `none lost` when nothing was bad, `no data` for nothing.
    """
    value = nines(bad, total)
    if value is None:
        return "none lost" if total else NO_DATA
    hundredths = math.floor(100 * value + 1e-6)
    # nines >= h/100 is bad/total <= 10**(-h/100), which integers decide exactly.
    while bad**100 * 10**hundredths > total**100:
        hundredths -= 1
    return f"{floor_text(Fraction(hundredths, 100), 2)} nines"


def format_share(ratio: Fraction | float, digits: int | None = None) -> str:
    """Return a ratio as `99.88 %`, cut off downwards.

    Without `digits`: at least one decimal, and as many as show two digits of what is
    missing from the whole, which is rounded up.
    """
    exact = _exact(ratio)
    if digits is None:
        digits = max(1, _digits(1 - exact))
    return floor_text(100 * exact, digits) + " %"


def format_loss(ratio: Fraction | float, *, up: bool = True) -> str:
    """Return a loss ratio as `0.12 %`, with two digits, rounded up or cut off."""
    exact = 100 * _exact(ratio)
    scaled = exact * 10 ** max(0, digits := _digits(exact / 100))
    whole = math.ceil(scaled) if up else math.floor(scaled)
    return f"{Decimal(whole).scaleb(-max(0, digits)).normalize():f} %"


def format_duration(seconds: Fraction | float) -> str:
    """Return a time in its largest unit, `50 min`, `5.1 h`, rounded up."""
    size, unit = next(
        ((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1]
    )
    digits = 1 if seconds < 10 * size else 0  # 9.9 h, but 12 h
    scaled = math.ceil(_exact(seconds) / size * 10**digits)
    return f"{Decimal(scaled).scaleb(-digits).normalize():,f} {unit}"


def format_target(target: Decimal) -> str:
    """Return an objective as it was asked for, `99.9 %`: all its digits, no others."""
    return f"{(target * 100).normalize():f} %"


def floor_text(value: Fraction, digits: int) -> str:
    """Return a number with so many decimals, cut off towards minus infinity."""
    scaled = math.floor(value * 10**digits)
    return f"{Decimal(scaled).scaleb(-digits):,.{digits}f}"


def _exact(ratio: Fraction | float) -> Fraction:
    """Return the decimal that a float is written as: 0.95 is not cut off to 94.9 %."""
    return Fraction(repr(ratio)) if isinstance(ratio, float) else Fraction(ratio)


def _digits(loss: Fraction) -> int:
    """Return with how many decimals a percentage shows two digits of a loss."""
    return 1 - math.floor(math.log10(100 * loss)) if loss > 0 else 1
