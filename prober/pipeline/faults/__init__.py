"""The fault laboratory: what is done to a reference stack, when, and a record of it.

    scenario    faults as data: what, where, from when, for how long
    items       an envelope's stamp, and what damage does to it
    effects     what is done to envelopes: dropped, doubled, held back, damaged
    taps        where that is done inside a component, and a witness of what passed
    relay       what is done to bytes: a TCP relay between two components
    foreign     other people's traffic, with stamps that look like ours
    hands       the stack as faults lay hands on it
    laboratory  all of it, on a timeline, for one stack

Nothing of it is there in a stack that was started without faults.
"""

from prober.pipeline.faults.laboratory import Laboratory
from prober.pipeline.faults.scenario import (
    KINDS,
    Fault,
    FaultKind,
    Layout,
    Scenario,
    Takes,
    Targets,
)
from prober.pipeline.faults.taps import Passed, Witness

__all__ = [
    "KINDS",
    "Fault",
    "FaultKind",
    "Laboratory",
    "Layout",
    "Passed",
    "Scenario",
    "Takes",
    "Targets",
    "Witness",
]
