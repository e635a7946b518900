"""From the command line and the configuration to what a run is asked to do.

The command line wins over the configuration, which wins over what is built in.
"""

import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from prober.cli.options import Options
from prober.clock import NS, Clock
from prober.config import Environment, load
from prober.config.models import Limits, Reference
from prober.errors import UsageError
from prober.plan import Plan

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.cli.targets import Ends

_MONTH_NS = 30 * 86_400 * NS
_BUNDLED = {"rate": Fraction(2_000), "lost_after": 10 * NS}
_ELSEWHERE = {"rate": Fraction(200), "lost_after": 60 * NS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is probed, and what may be asked of it."""

    name: str
    reference: Reference | None
    """The bundled stack, if it is that one."""
    environment: Environment | None
    """Of the configuration, if it is one of those."""
    limits: Limits | None
    """None for the bundled stack, which is nobody else's."""
    where: str
    """Where limits are changed."""
    config: str | None = None
    """The configuration that was named."""

    @property
    def window_ns(self) -> int:
        """The time that an error budget is for, 30 days unless it was configured."""
        objective = self.environment.objective if self.environment else None
        return _MONTH_NS if objective is None else objective.window

    @asynccontextmanager
    async def ends(
        self, options: Options, clock: Clock, plan: Plan
    ) -> AsyncIterator["Ends"]:
        """Open what has to be opened, and yield the ends of the pipeline."""
        from prober.cli import targets

        if self.reference is not None:
            async with targets.bundled(
                clock, plan, self.reference, own_process=options.stack_process
            ) as ends:
                yield ends
        elif self.environment is not None:
            yield targets.configured(
                self.environment, plan, whole_firehose=options.whole_firehose
            )
        else:
            yield targets.elsewhere(
                agent=str(options.agent),
                rlp_address=str(options.rlp),
                tls_dir=str(options.tls_dir),
                agent_name=options.agent_server_name,
                rlp_name=options.rlp_server_name,
            )


def resolve(
    options: Options, env: str | None, config: str | None, said: Collection[str]
) -> tuple[Options, Target]:
    """Return what is asked for, everything filled in, and of what.

    `said` names the options that stand on the command line. Raises UsageError for
    what cannot be, or is beyond the limits.
    """
    target, given = _target(options, env, config)
    if "messages" in said:
        given.pop("cycles", None)  # those of the configuration fit its messages
    filled = {name: value for name, value in given.items() if name not in said}
    settled = replace(options, **filled)
    if settled.command:
        settled = _accompanying(settled, target)
    if settled.find_limit and settled.rate is not None:
        # Bounded as a whole by the search; here it is asked for its first step.
        messages = max(1, int(settled.rate * settled.step / NS))
        settled = replace(settled, messages=messages, cycles=None)
    _check(settled, target)
    return settled, target


_CYCLE_SECONDS = 1
_MOST_CYCLES = 10_000


def _accompanying(options: Options, target: Target) -> Options:
    """Return the same with as many messages as may be sent while a command runs.

    How long it takes nobody knows: a cycle is a second's messages, and all that the
    environment may be asked for is planned. Raises UsageError for a rate without end.
    """
    if options.rate is None:
        raise UsageError(
            "--while needs a --rate: nobody knows how long a command takes"
        )
    most = options.max_messages
    if target.limits is not None and not options.yes:
        most = min(most, target.limits.messages)
    cycle = max(1, round(options.rate * _CYCLE_SECONDS), -(-most // _MOST_CYCLES))
    return replace(options, messages=most, cycles=max(1, most // cycle))


def _target(
    options: Options, env: str | None, config: str | None
) -> tuple[Target, dict[str, Any]]:
    """Return what is probed, and what is asked of it where nothing is said."""
    if env is None:
        if config is not None:
            raise UsageError("--config needs an environment of it: prober run ENV")
        return _ad_hoc(options)
    if options.agent is not None:
        raise UsageError(f"give either the environment {env} or --agent, not both")
    loaded = load(config)
    environment = loaded.environment(env)
    target = Target(
        name=env,
        reference=environment.reference,
        environment=environment,
        limits=environment.limits if environment.reference is None else None,
        where=f"environments.{env}.limits in {loaded.path}",
        config=config,
    )
    return target, _configured(environment)


def _ad_hoc(options: Options) -> tuple[Target, dict[str, Any]]:
    if options.agent is None:
        target = Target(
            name="reference",
            reference=Reference(),
            environment=None,
            limits=None,
            where="",
        )
        return target, dict(_BUNDLED)
    target = Target(
        name=options.agent,
        reference=None,
        environment=None,
        limits=Limits(),
        where="the limits of an environment in prober.yaml",
    )
    return target, dict(_ELSEWHERE)


def _configured(environment: Environment) -> dict[str, Any]:
    probe, run = environment.probe, environment.run
    objective = environment.objective
    return {
        "messages": run.messages,
        "cycles": run.cycles,
        "rate": run.rate,
        "size": probe.size,
        "control": probe.control,
        "kind": tuple(kind.value for kind in probe.kinds),
        "source_id": source_id(environment),
        "whole_firehose": probe.whole_firehose,
        "late_after": probe.late_after,
        "lost_after": probe.lost_after,
        "slo": None if objective is None else objective.target,
        # `auto` is what the option itself falls back on.
        **({"worst_burst": probe.worst_burst} if probe.worst_burst != "auto" else {}),
    }


def source_id(environment: Environment) -> str:
    """Return what messages are written under: an app can only write as itself."""
    if environment.ingress is None or environment.ingress.stdout is None:
        return environment.probe.source_id
    from prober.ingress import stdout

    return stdout.app(os.environ).guid


def _check(options: Options, target: Target) -> None:
    if options.lost_after is not None and options.lost_after < options.late_after:
        raise UsageError("--lost-after cannot be shorter than --late-after")
    if options.slo is None and (options.prove or options.until_decided):
        asked = "--until-decided" if options.until_decided else "--prove"
        raise UsageError(f"{asked} needs an objective: add --slo, as in --slo 99.9")
    if target.reference is not None:
        return
    if options.stack_process:
        raise UsageError("--stack-process is for the bundled stack, not for this one")
    if options.rate is None:
        if not options.yes:
            raise UsageError(
                "--rate max against a deployed pipeline can make it drop other "
                "people's messages: add --yes to agree"
            )
        return
    if target.limits is not None:
        _check_limits(options, target, target.limits)


def _check_limits(options: Options, target: Target, limits: Limits) -> None:
    """Refuse what is beyond the limits; beyond the usual ones it also takes --yes."""
    messages = options.max_messages if options.until_decided else options.messages
    usual = Limits()
    for what, asked, limit, common in (
        ("messages a second", options.rate, limits.rate, usual.rate),
        ("messages", messages, limits.messages, usual.messages),
    ):
        if asked is None or limit is None or common is None:
            continue
        if asked > limit and not (options.yes and target.environment is None):
            raise UsageError(
                f"{float(asked):,g} {what} are beyond the limit of {float(limit):,g}: "
                f"raise {target.where}, and add --yes"
            )
        if asked > common and not options.yes:
            raise UsageError(
                f"{float(asked):,g} {what} are more than the usual {float(common):,g}: "
                "add --yes to agree"
            )
