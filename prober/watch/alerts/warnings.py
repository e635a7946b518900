"""What will hurt soon, or hurts others now: tickets."""

from collections.abc import Iterator

from prober import slo
from prober.clock import NS
from prober.watch.alerts.facts import Alert, Situation, sentences

BLIND = "FirehoseBlindReaders"
CERTIFICATE = "ProbeCertificateExpiry"
SOON_NS = 14 * 86_400 * NS
"""A certificate that is good for less is to be renewed."""


def evaluate(situation: Situation) -> list[Alert]:
    """Return what is to be told."""
    return [*_blind(situation), *_certificates(situation)]


def _blind(situation: Situation) -> Iterator[Alert]:
    """Tell of old subscriptions that get nothing while a new one gets everything."""
    for environment in situation.environments:
        consumers = environment.live.consumers if environment.live else ()
        names = [each.name for each in consumers if each.blind]
        if names:
            yield Alert(
                name=BLIND,
                severity="ticket",
                labels={"env": environment.name},
                summary=(
                    f"{environment.name}: blind readers: {' and '.join(names)} miss "
                    "what a new subscription gets"
                ),
                description=sentences(
                    "The platform left subscriptions behind when it lost a router: "
                    "every nozzle that was connected then misses messages, too, and "
                    "none of them sees an error",
                    environment.hint and f"What to do: {environment.hint}",
                ),
            )


def _certificates(situation: Situation) -> Iterator[Alert]:
    for expiry in situation.expiries:
        left_ns = expiry.ends_ns - situation.at_ns
        if left_ns >= SOON_NS:
            continue
        span = slo.format_duration(abs(left_ns) / NS)
        fate = f"ends in {span}" if left_ns > 0 else f"expired {span} ago"
        yield Alert(
            name=CERTIFICATE,
            severity="ticket",
            labels={"env": expiry.environment, "file": expiry.file},
            summary=f"{expiry.environment}: {expiry.what} {fate}",
            description=sentences(
                "Without it nothing is measured, and others of the same authority may "
                "end as soon",
                f"What to do: renew {expiry.file}; it is read again at each connect",
            ),
        )
