"""Which ways through the pipeline were tested, and whether one of them is worse."""

from collections.abc import Iterable
from dataclasses import dataclass

from prober.records import RunResult, WriterResult
from prober.report.words import many

_ROUTER = "router"
_MOST_BY_AGENT = 5
"""Connections that an agent has, each to a router that it drew by lot."""
LEAST_BATCHES = 3
"""Lossy batches of one way in, and of no other, that are worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routers:
    """How many routers there are, as far as known, and how many were written to."""

    listed: int
    """To be written straight to; 0 where it was not to be."""
    tested: int
    """Those of them that took messages in."""
    heard_of: int
    """Those whose counters came; 0 if none did, or they cannot be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """All that a consumer did not get intact went in by one of several ways."""

    consumer: str
    written_to: str
    lost: int
    corrupt: int
    batches: int


def routers_of(result: RunResult) -> Routers:
    """Count routers; the same one is written to by several writers only once."""
    straight = [each for each in result.writers if each.component == _ROUTER]
    heard_of = {
        each.instance
        for each in result.platform or ()
        if each.component == _ROUTER and each.instance
    }
    return Routers(
        listed=len({each.written_to for each in straight}),
        tested=len({each.written_to for each in straight if each.accepted}),
        # One alone may stand for several that share its tags.
        heard_of=len(heard_of) if len(heard_of) > 1 else 0,
    )


def apart(writers: Iterable[WriterResult]) -> list[Apart]:
    """Return where all that was bad went in by one way, with others beside it."""
    reached = [(writer, each) for writer in writers for each in writer.reached]
    found: list[Apart] = []
    for consumer in dict.fromkeys(each.consumer for _, each in reached):
        mine = [(w, each) for w, each in reached if each.consumer == consumer]
        lossy = [(w, each) for w, each in mine if each.bad]
        if len(mine) > 1 and len(lossy) == 1:
            [(writer, one)] = lossy
            if one.lossy_batches >= LEAST_BATCHES:
                found.append(
                    Apart(
                        consumer=consumer,
                        written_to=writer.written_to,
                        lost=one.lost,
                        corrupt=one.corrupt,
                        batches=one.lossy_batches,
                    )
                )
    return found


def routers_words(routers: Routers) -> str:
    """Return which routers were tested in words; nothing where nobody can tell."""
    listed, heard_of = routers.listed, routers.heard_of
    if not listed:
        if not heard_of:
            return ""
        most = (
            f", which keeps to {_MOST_BY_AGENT} at most"
            if heard_of > _MOST_BY_AGENT
            else ""
        )
        used = f"which of the {many(heard_of, 'router')} it used"
        return f"through an agent{most}: {used} is not known"
    if heard_of >= listed:
        return f"{routers.tested:,} of {many(heard_of, 'router')} tested"
    known = f"{many(listed, 'router')} in the configuration"
    words = f"{routers.tested:,} of the {known} tested"
    return f"{words}; whether there are more is not known"


def apart_words(one: Apart) -> str:
    """Return what lies on one path alone in words."""
    counts = ((one.lost, "lost"), (one.corrupt, "got damaged"))
    bad = " and ".join(
        f"all {n:,} that {one.consumer} {word}" for n, word in counts if n
    )
    return (
        f"{bad}, in {one.batches:,} batches, went in by the {one.written_to}: look at "
        "it, and at what lies behind it"
    )
