"""How values are written on the command line, and what each is taken for."""

import re
from decimal import Decimal
from fractions import Fraction

import rich_click as click

from prober import slo, units
from prober.errors import UsageError
from prober.plan import Sizes
from prober.records import Kind

MIX = "mix"
_MOST_EXIT_CODE = 255
"""It is a byte."""


class Count(click.ParamType[int]):
    """A whole number, not below some least one; thousands may be set apart."""

    name = "N"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read `10000`, `10,000` or `10_000`."""
        text = str(value).replace(",", "").replace("_", "")
        if not text.isdecimal() or int(text) < self._least:
            least = f"a whole number, {self._least} or more"
            self.fail(f"{value!r} is not {least}", param, ctx)
        return int(text)


class ExitCode(Count):
    """What a process may leave with."""

    def __init__(self) -> None:
        super().__init__(0)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read a whole number from 0 to 255."""
        code = super().convert(value, param, ctx)
        if code > _MOST_EXIT_CODE:
            self.fail(
                f"an exit code lies from 0 to {_MOST_EXIT_CODE}, not at {code}",
                param,
                ctx,
            )
        return code


class WorstBurst(Count):
    """The most messages that one drop can cost; converts to None for `auto`."""

    name = "N|auto"

    def __init__(self) -> None:
        super().__init__(1)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read a whole number, or `auto`: one lap of a router's ring."""
        if value == "auto":
            return slo.auto_worst_burst()
        return super().convert(value, param, ctx)


class Rate(click.ParamType[Fraction | None]):
    """Messages a second, or `max`; converts to a Fraction, or None for `max`."""

    name = "N/s|max"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction | None:
        """Read `2000`, `2000/s`, `0.5/s` or `max`."""
        if not isinstance(value, str) or value == "max":
            return None
        rate = units.parse_rate(value)
        if rate is None:
            self.fail(
                f"{value!r} is not a rate: write 2000/s, 0.5/s or max", param, ctx
            )
        return rate


class Duration(click.ParamType[int]):
    """A length of time; converts to nanoseconds."""

    name = "DURATION"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read `500ms`, `10s`, `1m30s`."""
        if isinstance(value, int):
            return value
        duration = units.parse_duration(str(value))
        if duration is None:
            self.fail(
                f"{value!r} is not a duration: write 500ms, 10s or 1m30s", param, ctx
            )
        return duration


class Size(click.ParamType[Sizes]):
    """Bytes of a payload, fixed or a range."""

    name = "BYTES|LOW-HIGH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Sizes:
        """Read `100` or `100-2000`."""
        if isinstance(value, Sizes):
            return value
        sizes = units.parse_size(str(value))
        if sizes is None:
            self.fail(f"{value!r} is not a size: write 100 or 100-2000", param, ctx)
        return sizes


class Target(click.ParamType[Decimal]):
    """An objective: the share of messages that is to be delivered."""

    name = "PERCENT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Read `99.9` or `0.999`."""
        try:
            return slo.parse_target(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Address(click.ParamType[str]):
    """A host and a port."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Read `127.0.0.1:3458`, `name:3458` or `[::1]:3458`."""
        address = units.parse_address(str(value))
        if address is None:
            self.fail(f"{value!r} is not HOST:PORT, as 127.0.0.1:3458 is", param, ctx)
        return address


class SourceId(click.ParamType[str]):
    """What a message is written under."""

    name = "ID"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Read printable ASCII without spaces, as an environment's is read."""
        text = str(value)
        if not re.fullmatch("[!-~]{1,200}", text):
            expected = "a source_id of printable ASCII without spaces"
            self.fail(f"{text!r} is not {expected}", param, ctx)
        return text


class Listen(Address):
    """Where to listen; port 0 is any that is free."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Read an address, or one of port 0."""
        address = units.parse_listen(str(value))
        return super().convert(value, param, ctx) if address is None else address


def kinds(names: tuple[str, ...]) -> tuple[Kind, ...]:
    """Return the kinds of envelope named, each once, `mix` standing for all of them."""
    if MIX in names:
        return tuple(Kind)
    return tuple(dict.fromkeys(Kind(name) for name in names))
