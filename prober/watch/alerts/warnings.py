"""What will hurt soon, or hurts others now: tickets."""

from collections.abc import Iterator

from prober import slo
from prober.clock import NS
from prober.watch.alerts.facts import PAGE, Alert, Situation, sentences

BLIND = "FirehoseBlindReaders"
CERTIFICATE = "ProbeCertificateExpiry"
SOON_NS = 14 * 86_400 * NS
"""A certificate that is good for less is to be renewed."""

_WITHOUT = {
    # By whether it is the page's own: what is amiss without, and when it is read again.
    False: ("Without it nothing is measured", "it is read again at each connect"),
    True: (
        "Without it no browser opens the page, and no Prometheus reads the metrics",
        "it is read again every minute",
    ),
}


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
        whose = {"env": expiry.environment} if expiry.environment != PAGE else {}
        without, again = _WITHOUT[expiry.environment == PAGE]
        yield Alert(
            name=CERTIFICATE,
            severity="ticket",
            labels={**whose, "file": expiry.file},
            summary=": ".join([*whose.values(), f"{expiry.what} {fate}"]),
            description=sentences(
                f"{without}, and others of the same authority may end as soon",
                f"What to do: renew {expiry.file}; {again}",
            ),
        )
