"""Legs of a run in processes of their own: the same legs, told what to do over a pipe.

    this process                                     a leg's process
    ────────────                                     ───────────────
    RemoteWriting ── spec, spans to send ──────────> Writing (prober.probe.writing)
                  <── what became of them ──────────
    RemoteReading ── spec ─────────────────────────> Reading (prober.probe.reading)
                  <── what was found, evidence ─────

What passes is written down in `wire`, with a version: nothing in it is of this machine,
so the same legs can be sent to others. The ledger, and with it every count, stays here:
it takes in what all legs tell, and a message that two of them saw is one message.

spec     what a leg is to be
wire     what both sides tell each other
process  a leg's process, seen from here: how it begins, and how it ends
remote   the two legs, seen from here
group    several legs that share a shard, as one
child    the process itself
"""
