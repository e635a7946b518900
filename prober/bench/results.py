"""What a bench measured, as facts, and as the document that it is kept and told in."""

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

SCHEMA = "prober.bench/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long a message takes through a pipeline that takes no time; in seconds."""

    p50: float
    p99: float
    at_rate: float
    """Messages a second at which that was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measurement."""

    name: str
    """`send`, `receive`, `both` or `skim`."""
    reader: str
    """`rlp`, `rlp_gateway` or `firehose`; of `send`, what it is measured beside."""
    tls: bool
    envelopes_per_second: float
    cpu_seconds_per_million: float
    """Of this process: what the null pipeline takes is not in it."""
    rss_mb: float
    """The most memory that this process held meanwhile, in 10^6 bytes."""
    latency_seconds: Latency | None = None
    """None where nothing was paced."""
    trust_up_to: float | None = None
    """Messages a second; None where that is not decided by this measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What figures of speed hold for, and for nothing else."""

    cpu: str
    cpus: int
    """How many this process may use."""
    system: str
    python: str
    grpc: str
    prober: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A whole bench."""

    machine: Machine
    measured_at: str
    """When it began, UTC, as ISO 8601 has it."""
    seconds: float
    """How long each measurement took."""
    pinned: int | None
    """The CPU that it was held to; None for none."""
    partial: bool
    """Interrupted: some measurements are missing."""
    results: tuple[Result, ...]

    def trust_up_to(self, reader: str = "rlp") -> float | None:
        """Return the messages a second up to which readings of a reader hold."""
        known = (r.trust_up_to for r in self.results if r.reader == reader and r.tls)
        return next((each for each in known if each is not None), None)


def render(bench: Bench) -> str:
    """Return the document, as `reports/schema/bench.v1.json` describes it."""
    told = {"schema": SCHEMA, **asdict(bench), "trust_up_to": bench.trust_up_to()}
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def parse(document: bytes) -> Bench | None:
    """Read a document; None for what is none of this version, or damaged."""
    try:
        told = msgspec.json.decode(document, type=dict[str, Any])
        if told.pop("schema") != SCHEMA:
            return None
        return msgspec.convert(told, Bench)
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError):
        return None
