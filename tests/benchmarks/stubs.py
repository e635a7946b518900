"""Two bare stubs at both ends of a null pipeline: what gRPC alone costs, or takes.

What they write and read is what the prober's own ends do, and nothing else is done.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from fractions import Fraction

import grpc
from grpc import aio
from grpc.experimental import ChannelOptions

from prober import channel
from prober.bench.ends import RUN, Case, Ends, Setting, null
from prober.clock import NS
from prober.histogram import Histogram
from prober.ingress.envelopes import Encoder
from prober.stamp import MARKER, WIDTH, decode

Write = Callable[[bytes], Awaitable[None]]
Take = Callable[[bytes], None]
_WARM_UP_NS = NS // 2


@asynccontextmanager
async def stubs(ends: Ends, take: Take) -> AsyncIterator[Write]:
    """Yield what writes a batch; what comes out is given to `take`, on a thread."""
    files = ends._tls
    options = channel.options(files, pings=False)
    read = [*options, (ChannelOptions.SingleThreadedUnaryStream, 1)]
    credentials = channel.credentials(files)
    with grpc.secure_channel(ends.at.grpc, credentials, read) as way_out:
        method: grpc.UnaryStreamMultiCallable[bytes, bytes] = way_out.unary_stream(
            channel.BATCHED_RECEIVER
        )
        call = method(b"")
        reading = threading.Thread(target=_read, args=(call, take))
        reading.start()
        try:
            async with aio.secure_channel(ends.at.grpc, credentials, options) as way_in:
                sender: aio.StreamUnaryMultiCallable[bytes, bytes]
                sender = way_in.stream_unary(channel.BATCH_SENDER)
                yield sender().write
        finally:
            call.cancel()
            await asyncio.to_thread(reading.join)


def _read(call: Iterator[bytes], take: Take) -> None:
    try:
        for raw in call:
            take(raw)
    except grpc.RpcError:
        return  # cancelled: enough came


async def latency(case: Case, shared: Setting, rate: int) -> Histogram:
    """Return what batches take through them, written at a rate of messages."""
    clock, came = shared.clock, Histogram()

    def take(raw: bytes) -> None:
        at_ns, begin = clock.now_ns(), raw.index(MARKER)
        stamp = decode(raw[begin : begin + WIDTH])
        if stamp is not None and at_ns - begun_ns > _WARM_UP_NS:
            came.add_one(at_ns - stamp.sent_ns)

    async with null(case, "echo", shared) as ends, stubs(ends, take) as write:
        encoder, begun_ns = Encoder(RUN, ends.plan), clock.now_ns()
        for send in replace(ends.plan, rate=Fraction(rate)).sends():
            if send.due_ns > shared.seconds * NS:
                break
            await clock.sleep((begun_ns + send.due_ns - clock.now_ns()) / NS)
            raw = encoder.messages(send.span, send.cycle, clock.now_ns())
            await write(raw)
    return came
