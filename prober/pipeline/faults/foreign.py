"""Other people's traffic: logs and metrics, many with stamps that look like ours."""

import itertools
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from grpc import aio

from prober.clock import NS, Clock
from prober.pipeline.wire import INGRESS, PeerGone, connect, peer_may_go
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    EnvelopeBatch,
    Gauge,
    GaugeValue,
    Log,
)
from prober.stamp import RUN_ALPHABET, RUN_WIDTH, Mark, Stamp
from prober.stamp.token import TAG, payload
from prober.stamp.token import encode as encode_stamp

_Call: TypeAlias = "aio.StreamUnaryCall[bytes, bytes]"

_BATCH = 100
_VARIANTS = 20
"""Batches that are made once and then sent in turn."""
_RETRY_SECONDS = 0.5


class Foreign:
    """Writes at a steady rate to an agent, until it is cancelled.

    Late batches are sent at once: the rate is that of an open loop.
    """

    def __init__(
        self, dial: Callable[[], aio.Channel], clock: Clock, lots: random.Random
    ) -> None:
        self._dial, self._clock = dial, clock
        self._batches = [_batch(lots, clock) for _ in range(_VARIANTS)]
        self.sent = 0
        """Envelopes so far."""

    async def run(self, rate: float) -> None:
        """Write so many envelopes a second, whatever becomes of the agent."""
        turns = itertools.cycle(self._batches)
        while True:
            channel = self._dial()
            try:
                await connect(channel)
                call: _Call = channel.stream_unary(f"/{INGRESS}/BatchSender")()
                start_ns = self._clock.now_ns()
                for number in itertools.count(1):
                    with peer_may_go():
                        await call.write(next(turns))
                    self.sent += _BATCH
                    due_ns = start_ns + round(number * _BATCH / rate * NS)
                    early = (due_ns - self._clock.now_ns()) / NS
                    await self._clock.sleep(max(0, early))
            except PeerGone:
                await self._clock.sleep(_RETRY_SECONDS)
            finally:
                await channel.close()


def _batch(lots: random.Random, clock: Clock) -> bytes:
    kinds: Sequence[Callable[[random.Random, int], Envelope]]
    kinds = (_log, _log, _log, _counter, _gauge, _stamped, _tagged, _quoting)
    batch = [lots.choice(kinds)(lots, clock.now_ns()) for _ in range(_BATCH)]
    return EnvelopeBatch(batch=batch).SerializeToString()


def _envelope(lots: random.Random, now_ns: int) -> Envelope:
    return Envelope(
        timestamp=now_ns,
        source_id=f"app-{lots.randrange(50):02}",
        instance_id=str(lots.randrange(3)),
        tags={"deployment": "foreign"},
    )


def _log(lots: random.Random, now_ns: int, text: bytes = b"") -> Envelope:
    envelope = _envelope(lots, now_ns)
    envelope.log.CopyFrom(Log(payload=text or lots.randbytes(lots.randrange(20, 300))))
    return envelope


def _counter(lots: random.Random, now_ns: int) -> Envelope:
    envelope = _envelope(lots, now_ns)
    envelope.counter.CopyFrom(Counter(name="requests", delta=lots.randrange(9)))
    return envelope


def _gauge(lots: random.Random, now_ns: int) -> Envelope:
    envelope = _envelope(lots, now_ns)
    metrics = {"cpu": GaugeValue(unit="percentage", value=lots.random())}
    envelope.gauge.CopyFrom(Gauge(metrics=metrics))
    return envelope


def _stamped(lots: random.Random, now_ns: int) -> Envelope:
    """Return a message of another prober's run, whole and good."""
    return _log(lots, now_ns, payload(_stamp(lots, now_ns, Mark.LOG, 100)))


def _tagged(lots: random.Random, now_ns: int) -> Envelope:
    envelope = _counter(lots, now_ns)
    stamp = encode_stamp(_stamp(lots, now_ns, Mark.COUNTER, 0))
    envelope.tags[TAG] = stamp.decode()
    return envelope


def _quoting(lots: random.Random, now_ns: int) -> Envelope:
    """Return a log in which somebody speaks of stamps, and of those to come."""
    whole = encode_stamp(_stamp(lots, now_ns, Mark.LOG, 100))
    texts = (
        b"GET /search?q=prober/1 " + whole[9:20] + b" 200",
        b"seen: " + whole[:40],
        whole.replace(b"prober/1", b"prober/2") + b" a version to come",
        b"prober/1 prober/1 prober/1 prober/1 prober/1 prober/1 prober/1 prober/1 ...",
    )
    return _log(lots, now_ns, lots.choice(texts))


def _stamp(lots: random.Random, now_ns: int, mark: Mark, size: int) -> Stamp:
    return Stamp(
        run="".join(lots.choices(RUN_ALPHABET, k=RUN_WIDTH)),
        cycle=lots.randrange(100),
        sequence=lots.randrange(10_000),
        sent_ns=now_ns,
        mark=mark,
        size=size,
    )
