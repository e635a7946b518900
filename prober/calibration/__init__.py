"""The instrument proves itself: known faults are injected, and must be measured.

    trials    what is done to the messages, and what the prober is to make of it
    truth     what became of each message, as a witness inside the stack saw it
    compare   the truth beside the prober's account, cycle by cycle
    bench     one trial: a stack, a probe, and both accounts
    conductor all trials, side by side

The witness looks at single envelopes inside the stack, and shares no code with the
ledger: only how a stamp is spelled.
"""

from prober.calibration.conductor import Controls, calibrate
from prober.calibration.trials import TRIALS, Plan

__all__ = ["TRIALS", "Controls", "Plan", "calibrate"]
