"""From verdict and claim to the exit code that a CI job or a monitor acts upon."""

from collections.abc import Mapping

from prober.errors import UsageError
from prober.slo.claims import Claim, ClaimState
from prober.slo.verdicts import Verdict

REGRESSION = 5
INTERRUPTED = 130
_INCONCLUSIVE = 3

_PROVE: Mapping[ClaimState | None, int] = {
    "proved": 0,
    "disproved": 1,
    "undecided": _INCONCLUSIVE,
    None: 0,  # nothing was to be proved
}

NAGIOS: Mapping[int, int] = {
    0: 0,  # OK
    1: 2,  # CRITICAL: the objective was missed
    2: 3,  # UNKNOWN: a wrong option says nothing about the service
    3: 3,  # UNKNOWN
    4: 3,  # UNKNOWN: nothing was measured
    REGRESSION: 2,  # CRITICAL
    INTERRUPTED: 3,  # UNKNOWN
}
"""Our exit codes in those of monitoring plug-ins: 0 OK, 2 CRITICAL, 3 UNKNOWN."""


def exit_code(
    verdict: Verdict,
    claim: Claim,
    *,
    prove: bool = False,
    nagios: bool = False,
    inconclusive_exit: int | None = None,
    regressed: bool = False,
    untold: bool = False,
    interrupted: bool = False,
) -> int:
    """Return the code to leave with.

    Args:
        verdict: By counting; decides unless `prove`.
        claim: By inference; decides under `prove` where enough was measured: a sample
            with holes proves nothing, however clean the rest.
        prove: Ask for proof: undecided is 3.
        nagios: Answer as a monitoring plug-in does: 0, 2 or 3.
        inconclusive_exit: Leave with this instead of 3, from 0 to 255.
        regressed: A comparison found it worse than before: 5, unless something above
            already speaks against it.
        untold: A comparison could tell nothing: 3, likewise.
        interrupted: The run is partial because somebody stopped it: 130.

    Raises:
        UsageError: An `inconclusive_exit` that is no exit code.

    """
    if inconclusive_exit is not None and not 0 <= inconclusive_exit <= 255:  # noqa: PLR2004
        raise UsageError(f"an exit code lies from 0 to 255, not at {inconclusive_exit}")
    code = verdict.exit_code
    if interrupted:
        code = INTERRUPTED
    elif prove and verdict.state in ("met", "violated"):
        code = _PROVE[claim.state]
    if regressed and not code:
        code = REGRESSION
    if untold and not code:
        code = _INCONCLUSIVE
    if code == _INCONCLUSIVE and inconclusive_exit is not None:
        return inconclusive_exit
    return NAGIOS[code] if nagios else code
