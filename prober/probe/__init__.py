"""One probe from end to end, over any writer and any readers.

job        what one run is to do, how far it is, and who is told
consumer   whether a reader is known to be attached
platform   Loggregator's own counters, watched beside
agents     the metrics of agents that are written to, likewise
conductor  prime, send, wait for the tail, account
run        all of these over connections that are opened for it
"""

from prober.probe.agents import AgentSource
from prober.probe.consumer import OpenReader
from prober.probe.job import Attachment, Controls, Job, Phase, Progress, unprobed
from prober.probe.legs import Legs
from prober.probe.platform import PlatformSource
from prober.probe.run import probe
from prober.probe.writing import OpenWriter

__all__ = [
    "AgentSource",
    "Attachment",
    "Controls",
    "Job",
    "Legs",
    "OpenReader",
    "OpenWriter",
    "Phase",
    "PlatformSource",
    "Progress",
    "probe",
    "unprobed",
]
