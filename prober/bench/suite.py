"""Which measurements a bench is made of, and what may be concluded from them."""

import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prober.bench import measure
from prober.bench.ends import Case, Setting
from prober.bench.null import HOST
from prober.bench.results import Result
from prober.bench.timed import Stopped
from prober.pipeline import certificates

SHARE = 0.5
"""Of what is reached at most, as much is trusted: another load, a slower network, or
foreign traffic on the same stream take their part, and a probe must not be near its own
limit when it says that a pipeline loses."""
TRIES = 4
"""How often a rate is halved at which readings turn out not to hold."""
FLOOR_RATE = 100_000.0
"""Messages a second at which the latency of the instrument itself is told."""

FULL: Sequence[Case] = (
    # gRPC is there without TLS, too: what TLS costs. The other doors have no such.
    Case(name="send", reader="rlp", tls=False),
    Case(name="send", reader="rlp", tls=True),
    Case(name="receive", reader="rlp", tls=False),
    Case(name="receive", reader="rlp", tls=True),
    Case(name="receive", reader="rlp_gateway", tls=True),
    Case(name="receive", reader="firehose", tls=True),
    Case(name="both", reader="rlp", tls=False),
    Case(name="both", reader="rlp", tls=True),
    Case(name="both", reader="rlp_gateway", tls=True),
    Case(name="both", reader="firehose", tls=True),
    Case(name="skim", reader="rlp", tls=False),
    Case(name="skim", reader="rlp", tls=True),
    Case(name="skim", reader="rlp_gateway", tls=True),
    Case(name="skim", reader="firehose", tls=True),
)
QUICK = tuple(each for each in FULL if each.reader == "rlp" and each.tls)

_MEASURES: Mapping[str, Callable[[Case, Setting], Coroutine[Any, Any, Result]]] = {
    "send": measure.send,
    "receive": measure.receive,
    "both": measure.both,
    "skim": measure.skim,
}


def provide(directory: Path, now_ns: int) -> None:
    """Write the certificates of a null pipeline, which are thrown away with it."""
    certificates.provide(directory, now_ns, HOST)


async def results(cases: Sequence[Case], setting: Setting) -> AsyncIterator[Result]:
    """Yield each measurement when it is made; fewer, if `setting.stop` is set."""
    made: list[Result] = []
    try:
        for case in cases:
            result = await _MEASURES[case.name](case, setting)
            if case.name == "both":
                result = await _judged(case, result, made, setting)
            made.append(result)
            yield result
    except Stopped:
        return


async def _judged(
    case: Case, both: Result, made: Sequence[Result], setting: Setting
) -> Result:
    """Return a measurement with the rate at which readings hold, tried out."""
    alike = (r for r in made if (r.reader, r.tls) == (case.reader, case.tls))
    slowest = min(
        r.envelopes_per_second for r in (both, *alike) if r.name in ("receive", "both")
    )
    rate, trusted, latency = round_down(SHARE * slowest), 0.0, None
    for _ in range(TRIES):
        holds, latency = await measure.paced(case, setting, rate)
        if holds:
            trusted = rate
            break
        rate = round_down(rate / 2)
    if trusted > FLOOR_RATE:
        _, latency = await measure.paced(case, setting, FLOOR_RATE)
    return replace(both, trust_up_to=trusted, latency_seconds=latency)


def round_down(rate: float) -> float:
    """Return a rate cut off to two figures: 487,213 is 480,000; never below 1."""
    unit = 10 ** max(math.floor(math.log10(max(rate, 1))) - 1, 0)
    return float(max(int(rate // unit) * unit, 1))
