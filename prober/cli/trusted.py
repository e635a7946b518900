"""Whether a run asked for more than the last bench on this machine supports."""

from fractions import Fraction

from prober.bench.memory import last
from prober.bench.results import Bench
from prober.records import RunResult

_READERS = {
    # A consumer's way out -> the reader that a bench knows it by.
    "rlp": "rlp",
    "rlp gateway": "rlp_gateway",
    "v1 firehose": "firehose",
}


def warnings(asked: Fraction | None, result: RunResult) -> tuple[str, ...]:
    """Return what to say of a run's rate, if there is anything.

    The bundled stack in this process takes its share of what a bench found, which it
    did not measure: there the bench tells too much, and a warning is still right.
    """
    bench = last()
    if bench is None:
        return ()
    rate = float(asked) if asked is not None else result.rate_achieved
    limit = _limit(bench, [each.transport for each in result.consumers])
    if rate is None or limit is None or rate <= limit:
        return ()
    went = "were asked for" if asked is not None else "were sent"
    many = len(result.consumers)
    to = f" to {many} consumers" if many > 1 else ""
    words = (
        f"{rate:,.0f}/s{to} {went}, and the last bench on this machine "
        f"({bench.measured_at[:10]}) trusts its readings up to {limit:,.0f}/s: what is "
        "missing may be our own fault"
    )
    return (words,)


def _limit(bench: Bench, transports: list[str]) -> float | None:
    """Return the rate up to which readings hold; None if that was not measured.

    Every consumer's reader takes all messages: two that alone could be trusted up to
    100,000/s can together up to 50,000/s.
    """
    shares = 0.0
    for transport in transports:
        rate = bench.trust_up_to(_READERS.get(transport, ""))
        if rate is None:
            return None
        shares += 1 / rate if rate else float("inf")
    return 1 / shares if shares else None
