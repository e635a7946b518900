"""What is checked, and what is known of each while it is."""

from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from prober.checks.clocks import Watch
from prober.checks.peers import Peer
from prober.checks.timing import Deadline, Limits
from prober.checks.trip import Courier, Mailbox
from prober.clock import Clock
from prober.egress import Reader
from prober.egress.https import Server
from prober.egress.tokens import Tokens
from prober.ingress import Writer

OpenReader = Callable[[], Reader]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The tokens of a consumer, and what they have to allow."""

    tokens: Tokens
    needed: Collection[str]
    """Scopes of which one is enough."""
    own_app: str | None
    """The source_id that is read, if a gateway would let its owner without scopes."""
    remedy: str
    """What mends it when there is no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """A server that takes messages in."""

    peer: Peer
    open: Callable[[], Writer]

    @property
    def target(self) -> str:
        """Its name among the steps."""
        return self.peer.where


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A UAA."""

    peer: Peer
    server: Server

    @property
    def target(self) -> str:
        """Its name among the steps."""
        return self.peer.where


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """A consumer; with `rights` it is one of HTTPS, at `server`."""

    name: str
    peer: Peer
    open: OpenReader
    """Subscribes to the messages of the check's own source."""
    counters: OpenReader | None = None
    """Subscribes to the platform's own counters, where that is possible."""
    server: Server | None = None
    rights: Rights | None = None

    @property
    def target(self) -> str:
        """Its name among the steps."""
        return f"consumer {self.name}"


Target = WayIn | Authority | WayOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all visits share."""

    clock: Clock
    limits: Limits
    deadline: Deadline
    courier: Courier


@dataclass(slots=True, kw_only=True)
class Visit:
    """One target, and what the steps so far have found out about it."""

    target: Target
    terms: Terms
    held: AsyncExitStack
    """Closes, when the last step is done, what steps leave open for later ones."""
    addresses: tuple[str, ...] = ()
    host: str = ""
    """The address that is used."""
    writer: Writer | None = None
    box: Mailbox | None = field(default=None)
    watch: Watch | None = None

    @property
    def peer(self) -> Peer:
        """The server."""
        return self.target.peer
