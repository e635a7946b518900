"""Black-box message reliability of log pipelines, told in nines.

A message's way through this package is the order of its parts:

    plan      what to send and when: cycles, pacing, sizes, kinds
    stamp     the mark that every message carries
    ingress   writers: one file a way in
    pipeline  a deployed Loggregator, or the reference one that is kept here
    egress    readers: one file a way out
    ledger    every message of a cycle has exactly one fate per consumer
    slo       ratios, nines, intervals, budgets, verdicts
    store     history, in a file or a database that several share
    report    the result as data, and one file a format

`probe` runs one probe from end to end, its `legs` in other processes if need be, and
`watch` goes on probing for months. The instrument looks at itself, too: `checks` tells
whether an environment is ready, `bench` how much it can do, `calibration` whether it
reports what was done. `config` is the file, and `cli` the command line.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
