"""What a configuration holds: environments, their ends, and how each is probed.

The models are frozen and know no key but their own. Values are what the parts below
take: nanoseconds, fractions, records; nobody below the command line sees a model.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SecretStr,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from prober.clock import NS
from prober.config import scalars
from prober.config.tree import Nothing
from prober.errors import UsageError
from prober.ledger import Deadlines
from prober.plan import Sizes
from prober.records import Kind, Tls
from prober.units import write_duration

CONFLICT = "conflict"
"""The type of errors about settings that do not go together."""
NONE_FOUND = "found none"
PARTIAL = "partial"
"""In the context of a validation: what is missing may still come."""
_MAX_SECRET = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How many of some settings a section takes, where another is or is not given."""

    names: tuple[str, ...]
    least: int = 1
    most: int = 1
    when: str = ""
    unless: str = ""

    def complaint(self, given: Collection[str]) -> str:
        """Return what is wrong with the settings given, nothing if they are right."""
        if (self.when and self.when not in given) or self.unless in given:
            return ""
        found = [name for name in self.names if name in given]
        where = f" with {self.when}" if self.when else ""
        where = where or (f" without {self.unless}" if self.unless else "")
        if len(found) > self.most:
            wanted = "only one of them" if self.most else f"none{where}"
            return f"found {' and '.join(found)}; expected {wanted}"
        if len(found) < self.least:
            names = ", ".join(self.names)
            wanted = f"one of {names}" if len(self.names) > 1 else names
            return f"{NONE_FOUND}; expected {wanted}{where}"
        return ""

    def schema(self) -> dict[str, Any]:
        """Return the same for editors, where it does not depend on another setting."""
        if self.when or self.unless or self.least != 1:
            return {}
        word = "oneOf" if self.most == 1 else "anyOf"
        return {word: [{"required": [name]} for name in self.names]}


class Section(BaseModel):
    """A mapping of the file; one that is empty is written as nothing at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    choices: ClassVar[tuple[Choice, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, given: object) -> object:
        return {} if isinstance(given, Nothing) else given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Add the alternatives to what pydantic knows."""
        schema = handler(core)
        rules = [rule for choice in cls.choices if (rule := choice.schema())]
        for rule in rules:
            handler.resolve_ref_schema(schema).update(rule)
        return schema


class Endpoint(Section):
    """A gRPC server with mutual TLS; its files are read again at each connect."""

    address: scalars.Address = Field(description="where it listens, HOST:PORT")
    server_name: scalars.ServerName = Field(description="the name in its certificate")
    ca_file: scalars.File = Field(description="the authority that signed it")
    cert_file: scalars.File = Field(description="the client's certificate")
    key_file: scalars.File = Field(description="the key of the client's certificate")

    @property
    def tls(self) -> Tls:
        """Return its certificates as the parts below take them."""
        return Tls(
            ca_file=str(self.ca_file),
            cert_file=str(self.cert_file),
            key_file=str(self.key_file),
            server_name=self.server_name,
        )


class Agent(Endpoint):
    """An agent or a forwarder agent, and where its metrics are if they may be read."""

    server_name: scalars.ServerName = Field(
        default="metron", description="the name in its certificate"
    )
    metrics: Endpoint | None = Field(
        default=None, description="its Prometheus endpoint, over mutual TLS"
    )


class Router(Endpoint):
    """A router, written to without an agent between."""

    server_name: scalars.ServerName = Field(
        default="doppler", description="the name in its certificate"
    )


class Rlp(Endpoint):
    """A reverse log proxy."""

    server_name: scalars.ServerName = Field(
        default="reverselogproxy", description="the name in its certificate"
    )


class Stdout(Section):
    """Standard output of the app that the prober is then: the platform takes it in."""


class Ingress(Section):
    """The way in, of one kind; several agents or routers take turns."""

    choices = (Choice(names=("agent", "agents", "router", "routers", "stdout")),)

    agent: Agent | None = Field(default=None, description="one agent")
    agents: tuple[Agent, ...] | None = Field(
        default=None, min_length=1, description="several agents"
    )
    router: Router | None = Field(default=None, description="one router")
    routers: tuple[Router, ...] | None = Field(
        default=None, min_length=1, description="several routers"
    )
    stdout: Stdout | None = Field(default=None, description="standard output of an app")

    @property
    def endpoints(self) -> tuple[Agent | Router, ...]:
        """Return what is written to over gRPC; nothing of it for standard output."""
        one = self.agent or self.router
        return (one,) if one else (*(self.agents or ()), *(self.routers or ()))


class Https(Section):
    """What every server of HTTPS has; certificates are always verified."""

    ca_file: scalars.File | None = Field(
        default=None, description="the authority that signed it, if not a public one"
    )
    proxy: scalars.ProxyUrl | None = Field(
        default=None, repr=False, description="the proxy on the way"
    )


class Uaa(Https):
    """Where tokens come from: for a client by its secret, or for a user."""

    choices = (
        Choice(names=("client_id", "username"), most=2),
        Choice(
            names=("client_secret", "client_secret_file"),
            when="client_id",
            unless="username",
        ),
        Choice(names=("client_secret", "client_secret_file"), least=0, when="username"),
        Choice(names=("password", "password_file"), when="username"),
        Choice(names=("password", "password_file"), least=0, most=0, unless="username"),
    )

    url: scalars.HttpsUrl = Field(description="the UAA, as https://uaa.sys.example.com")
    client_id: scalars.Text = Field(
        default="cf", description="the client; for a user the command line's, cf"
    )
    client_secret: scalars.Secret | None = Field(
        default=None,
        description="the client's secret, ${NAME} of an environment variable",
    )
    client_secret_file: scalars.File | None = Field(
        default=None, description="the file that holds the client's secret"
    )
    username: scalars.Text | None = Field(
        default=None, description="the user, for the password grant"
    )
    password: scalars.Secret | None = Field(
        default=None,
        description="the user's password, ${NAME} of an environment variable",
    )
    password_file: scalars.File | None = Field(
        default=None, description="the file that holds the user's password"
    )

    def read_client_secret(self) -> str:
        """Return the client's secret as it is now; empty for a client without one."""
        return read_secret(self.client_secret, self.client_secret_file)

    def read_password(self) -> str:
        """Return the user's password as it is now."""
        return read_secret(self.password, self.password_file)


class Authorised(Https):
    """A server that wants a token."""

    choices = (Choice(names=("uaa", "token", "token_file", "token_command")),)

    uaa: Uaa | None = Field(
        default=None, description="where to get tokens, and renew them"
    )
    token: scalars.Secret | None = Field(
        default=None, description="a token, ${NAME} of an environment variable"
    )
    token_file: scalars.File | None = Field(
        default=None,
        description="the file that holds a token, read again when it is refused",
    )
    token_command: tuple[scalars.Argument, ...] | None = Field(
        default=None,
        min_length=1,
        description="a command that prints one: [cf, oauth-token]",
    )

    def read_token(self) -> str:
        """Return the token as it is now, where it is fixed or in a file."""
        return read_secret(self.token, self.token_file)


class Gateway(Authorised):
    """An RLP gateway: the Firehose as server-sent events."""

    url: scalars.HttpsUrl = Field(
        description="the gateway, as https://log-stream.sys.example.com"
    )


class Firehose(Authorised):
    """A traffic controller: the Firehose of old, over a websocket."""

    url: scalars.WssUrl = Field(
        description="the traffic controller, as wss://doppler.sys.example.com:443"
    )


class Consumer(Section):
    """One full copy of the messages, by one way out."""

    choices = (Choice(names=("rlp", "rlp_gateway", "firehose")),)

    rlp: Rlp | None = Field(
        default=None, description="the reverse log proxy, over gRPC"
    )
    rlp_gateway: Gateway | None = Field(default=None, description="the RLP gateway")
    firehose: Firehose | None = Field(default=None, description="the v1 Firehose")
    readers: scalars.Count = Field(
        default=1, description="readers that share a shard and count as one consumer"
    )


class Reference(Section):
    """The bundled stack, run with the prober; it brings its own consumers."""

    routers: scalars.Count = Field(default=1, description="how many routers")
    profile: scalars.Profile = Field(
        default="loggregator",
        description="as the real one, or with room in its buffers",
    )


class Objective(Section):
    """The share of messages that is to be delivered, and over what time."""

    target: scalars.Target = Field(description='the objective, a string like "99.9"')
    window: scalars.Duration = Field(
        default=30 * 86_400 * NS, description="the time its error budget is for"
    )


class Probe(Section):
    """How an environment is watched, and what every message of it is like."""

    every: scalars.Duration = Field(
        default=60 * NS, description="from one cycle to the next, in continuous use"
    )
    messages: scalars.Count = Field(
        default=300, description="messages of such a cycle, evenly spread over its time"
    )
    size: scalars.SizeRange = Field(
        default=Sizes(low=100, high=100), description="bytes of a log's payload"
    )
    kinds: tuple[scalars.KindName, ...] = Field(
        default=(Kind.LOG,), min_length=1, description="kinds of envelope"
    )
    control: scalars.Number = Field(
        default=0,
        description="messages of each cycle that are withheld and have to be found "
        "missing, or the reading is not trusted",
    )
    source_id: scalars.SourceId = Field(
        default="prober", description="the source_id that messages are written under"
    )
    whole_firehose: scalars.Truth = Field(
        default=False, description="read every source, as a nozzle does, not only ours"
    )
    late_after: scalars.Duration = Field(
        default=5 * NS, description="a message that took longer is late"
    )
    lost_after: scalars.Duration = Field(
        default=60 * NS, description="a message that took longer is lost"
    )
    worst_burst: scalars.WorstBurst = Field(
        default=1_000,
        description="the most messages that a single drop can cost, or auto",
    )

    @property
    def deadlines(self) -> Deadlines:
        """Return both deadlines as the ledger takes them."""
        return Deadlines(late_after_ns=self.late_after, lost_after_ns=self.lost_after)

    @model_validator(mode="after")
    def _in_order(self, info: ValidationInfo) -> Self:
        if self.late_after > self.lost_after:
            late, lost = map(write_duration, (self.late_after, self.lost_after))
            _conflict(info, f"late_after ({late}) is longer than lost_after ({lost})")
        if len(set(self.kinds)) < len(self.kinds):
            _conflict(info, "kinds has one of them twice")
        if self.control >= self.messages:
            words = f"control ({self.control:,}) withholds all of a cycle's messages"
            _conflict(info, f"{words} ({self.messages:,})")
        return self


class Run(Section):
    """What an ad hoc run sends when the command line does not say."""

    messages: scalars.Count = Field(default=10_000, description="how many messages")
    cycles: scalars.Count = Field(
        default_factory=lambda data: min(100, data.get("messages", 100)),
        description="blocks of messages that are judged one by one, 100 if there are "
        "as many messages",
    )
    rate: scalars.Rate = Field(
        default=Fraction(200), description="messages a second, evenly spread"
    )

    @model_validator(mode="after")
    def _in_order(self, info: ValidationInfo) -> Self:
        if self.cycles > self.messages:
            words = f"cycles ({self.cycles:,}) are more than messages"
            _conflict(info, f"{words} ({self.messages:,})")
        return self


class Limits(Section):
    """What an ad hoc run may ask of the environment."""

    rate: scalars.Rate = Field(default=Fraction(1_000), description="messages a second")
    messages: scalars.Count = Field(default=100_000, description="messages of one run")


class Environment(Section):
    """One deployment, its ways in and out, and what is asked of it."""

    choices = (
        Choice(names=("ingress", "reference")),
        Choice(names=("consumers",), when="ingress"),
        Choice(
            names=("consumers",), least=0, most=0, when="reference", unless="ingress"
        ),
    )

    ingress: Ingress | None = Field(default=None, description="the way in")
    consumers: Mapping[scalars.Name, Consumer] = Field(
        default_factory=dict,
        min_length=1,
        description="the ways out, by names of your choice",
    )
    reference: Reference | None = Field(
        default=None, description="the bundled stack, instead of ingress and consumers"
    )
    objective: Objective | None = Field(
        default=None, description="without one there is no verdict"
    )
    probe: Probe = Field(
        default_factory=Probe, description="how it is watched, and with what"
    )
    run: Run = Field(default_factory=Run, description="what an ad hoc run sends")
    limits: Limits | None = Field(
        default=None,
        description="what an ad hoc run may ask of it; none of the bundled stack",
    )


DEPLOYED: Mapping[str, Any] = {"limits": {}}
BUNDLED: Mapping[str, Any] = {
    # A demonstration is to live, and the stack is nobody else's.
    "probe": {"every": "5s", "messages": 100, "lost_after": "10s"},
    "run": {"rate": "2000/s"},
}
"""Where the two columns of defaults differ from, or add to, those of the models."""


def _conflict(info: ValidationInfo, words: str) -> None:
    """Refuse settings that do not go together, once all of them are there."""
    if not (info.context or {}).get(PARTIAL):
        raise PydanticCustomError(CONFLICT, "{words}", {"words": words})


def read_secret(value: SecretStr | None, file: Path | None) -> str:
    """Return a secret that was given, or else what its file holds now.

    Raises UsageError naming the file, never what is in it.
    """
    if value is not None or file is None:
        return value.get_secret_value() if value else ""
    try:
        with file.open("rb") as opened:
            secret = opened.read(_MAX_SECRET + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"cannot read the secret in {file}: {reason}") from None
    if not secret or len(secret) > _MAX_SECRET:
        raise UsageError(f"{file} holds no secret: it is empty, or larger than 64 KiB")
    return secret
