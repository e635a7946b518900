"""What the measuring process pushes to the page's: all that is now, whole each time.

    measuring process  →  length in 4 bytes, MessagePack of a Snapshot  →  page

The page is a reader: of the last snapshot for what is now, of the store for what was.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from prober.history import Live
from prober.report.now import Silence
from prober.store import Waiting

_LENGTH_BYTES = 4
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of one daemon."""

    at_ns: int
    daemon: str
    version: str
    """Of prober."""
    lives: tuple[Live, ...]
    """The environments that it watches itself."""
    neighbours: tuple[Live, ...]
    """The last word of other daemons that share the store."""
    silent: tuple[Silence, ...]
    """Environments of theirs that nobody has spoken of for three periods."""
    store: Waiting
    """How it stands with writing history."""
    metrics: str
    """The metrics in the text form of OpenMetrics."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Snapshot)


def frame(snapshot: Snapshot) -> bytes:
    """Return a snapshot as it goes through the pipe."""
    body = _ENCODER.encode(snapshot)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read(pipe: asyncio.StreamReader) -> Snapshot | None:
    """Wait for the next snapshot; None when the measuring process is gone.

    Raises ValueError for what is no snapshot.
    """
    try:
        length = int.from_bytes(await pipe.readexactly(_LENGTH_BYTES), "big")
        if length > _MOST_BYTES:
            raise ValueError(f"a snapshot of {length:,} bytes is none of ours")
        return _DECODER.decode(await pipe.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
