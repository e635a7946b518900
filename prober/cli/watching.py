"""From the configuration to what is watched: environments as the daemon takes them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from prober import config, slo
from prober.bounds import MEMORY_BYTES
from prober.cli import targets
from prober.cli.alerting import certificates
from prober.cli.resolving import source_id
from prober.clock import NS, Clock
from prober.config import Environment
from prober.config.models import BUNDLED, Probe
from prober.errors import UsageError
from prober.plan import Plan
from prober.watch.page.doors import Certificates, Doors
from prober.watch.watched import Watched

REFERENCE = "reference"
DEMO_TARGET = "99.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be watched, where that stands, and how the daemon is to serve it."""

    watched: tuple[Watched, ...]
    listen: str
    grace_ns: int
    store: str | None
    """Where history is kept; None for where it is by default."""
    alerts: config.Alerts = field(default_factory=config.Alerts)
    serving: config.Watch = field(default_factory=config.Watch)
    """Who may read the page, and by which certificates."""
    demo: bool = False
    """It is the bundled stack, without a configuration."""

    def doors(self, store: str | None, listen: str) -> Doors:
        """Return how the page is reached that listens there."""
        auth, tls = self.serving.auth_file, self.serving.tls
        return Doors(
            store=store,
            listen=listen,
            auth_file=None if auth is None else str(auth),
            tls=None if tls is None else _certificates(tls),
        )


def _certificates(tls: config.PageTls) -> Certificates:
    authority = tls.client_ca_file
    return Certificates(
        cert_file=str(tls.cert_file),
        key_file=str(tls.key_file),
        client_ca_file=None if authority is None else str(authority),
    )


def wanted(path: str | None, names: Sequence[str]) -> Wanted:
    """Return what a configuration asks to be watched: all of it, or what is named.

    Without a configuration that is the bundled stack. Raises UsageError with every
    mistake.
    """
    if path is None and not names and config.find() is None:
        return _demo()
    loaded = config.load(path)
    chosen = dict.fromkeys(names or loaded.environments)
    return Wanted(
        watched=tuple(
            watch(name, loaded.environment(name), loaded.watch.max_memory)
            for name in chosen
        ),
        listen=loaded.watch.listen,
        grace_ns=loaded.watch.grace,
        store=loaded.store,
        alerts=loaded.alerts,
        serving=loaded.watch,
    )


def reloader(
    path: str | None, names: Sequence[str], first: Wanted
) -> Callable[[], Sequence[Watched]]:
    """Return what reads the configuration again, and refuses what cannot change."""

    def reload() -> Sequence[Watched]:
        found = wanted(path, names)
        fixed = (
            ("watch.listen", first.listen, found.listen),
            ("watch.grace", first.grace_ns, found.grace_ns),
            ("watch.auth_file", first.serving.auth_file, found.serving.auth_file),
            ("watch.tls", first.serving.tls, found.serving.tls),
            ("store", first.store, found.store),
            ("alerts", first.alerts, found.alerts),
        )
        changed = [name for name, before, now in fixed if before != now]
        if changed:
            raise UsageError(
                f"{' and '.join(changed)} cannot change while prober watch runs: "
                "restart it"
            )
        if first.demo != found.demo:
            raise UsageError("there is no configuration to reload: restart it")
        return found.watched

    return reload


def watch(
    name: str, environment: Environment, most_memory: int = MEMORY_BYTES
) -> Watched:
    """Return an environment as the daemon takes it, which may hold so many bytes."""
    probe, objective = environment.probe, environment.objective
    burst = probe.worst_burst
    return Watched(
        name=name,
        every_ns=probe.every,
        sample=Plan(
            messages=probe.messages,
            cycles=1,
            rate=None,
            sizes=probe.size,
            kinds=probe.kinds,
            source_id=source_id(environment),
            seed=0,
            control=probe.control,
        ),
        deadlines=probe.deadlines,
        whole_firehose=probe.whole_firehose,
        target=None if objective is None else _percent(objective.target),
        window_ns=None if objective is None else objective.window,
        worst_burst=burst if isinstance(burst, int) else _auto_burst(probe),
        most_memory=most_memory,
        certificates=certificates(name, environment),
        consumers=_transports(environment),
        settings=environment,
        open=_opener(environment),
    )


def _auto_burst(probe: Probe) -> int:
    """Return what `auto` stands for: a router's ring, or what an unseen hole costs.

    What was lost at once within a window counts in its bound anyway.
    """
    return slo.auto_worst_burst(rate=-(-probe.messages * NS // probe.every))


def _percent(target: Decimal) -> str:
    """Return an objective as people write it: `99.9`."""
    return f"{(target * 100).normalize():f}"


def _transports(environment: Environment) -> dict[str, str]:
    if environment.reference is not None:
        return {"rlp": "rlp"}
    return {
        name: next(
            kind
            for kind in ("rlp", "rlp_gateway", "firehose")
            if getattr(consumer, kind) is not None
        )
        for name, consumer in environment.consumers.items()
    }


def _opener(
    environment: Environment,
) -> Callable[[Clock, Plan], AbstractAsyncContextManager[targets.Ends]]:
    @asynccontextmanager
    async def open_(clock: Clock, plan: Plan) -> AsyncIterator[targets.Ends]:
        if environment.reference is not None:
            reference = environment.reference
            async with targets.bundled(
                clock, plan, reference, own_process=True
            ) as ends:
                yield ends
        else:
            whole = environment.probe.whole_firehose
            yield targets.configured(environment, plan, whole_firehose=whole)

    return open_


def _demo() -> Wanted:
    """Return the bundled stack, watched so that there is something to see."""
    environment = Environment.model_validate(
        {
            "reference": {},
            "objective": {"target": DEMO_TARGET},
            "probe": BUNDLED["probe"],
        }
    )
    watched = watch(REFERENCE, environment)
    serve = config.Watch()
    return Wanted(
        watched=(watched,),
        listen=serve.listen,
        grace_ns=serve.grace,
        store=None,
        demo=True,
    )
