"""Is an environment ready to be probed? Each step of the way to it, tried and told.

findings     what a step finds
timing       how long it may
peers        the servers, and how their certificates are judged
network      names and connections
certificates their names and dates, and our own files
handshake    TLS, and what gRPC hides of it
authority    tokens and scopes
trip         a message from every way in to every consumer
clocks       ours and the platform's
visits       what is checked
table        the steps of each kind of target
conductor    all targets beside each other
"""

from prober.checks.conductor import check
from prober.checks.findings import Step, Watch
from prober.checks.peers import Peer, Setting, grpc_peer, https_peer
from prober.checks.timing import Limits
from prober.checks.visits import Authority, Rights, Target, WayIn, WayOut

__all__ = [
    "Authority",
    "Limits",
    "Peer",
    "Rights",
    "Setting",
    "Step",
    "Target",
    "Watch",
    "WayIn",
    "WayOut",
    "check",
    "grpc_peer",
    "https_peer",
]
