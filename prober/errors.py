"""What can go wrong, as one tree; each error is a sentence and an exit code.

    ProberError                4
    ├── UsageError             2   an option, a file or a plan that cannot be
    ├── CouldNotProbe          4   nothing at all was measured
    │   ├── ConnectError       4   nobody answers, or the handshake failed
    │   ├── RefusedError       4   the peer answered, and refused
    │   └── NeverPrimed        4   the writer writes, the reader sees nothing
    ├── StoreError             4   history cannot be opened, read or written
    │   └── StoreAwayError     4   not now: locked, full, or its server is away
    └── InternalError          4   a fault of ours: please report it

1 is kept for an objective that was violated: no error may look like that.

Foreign errors are mapped where they are met. A sentence says what was wrong, where,
and what to do.
"""


class ProberError(Exception):
    """The root: whoever catches it prints its sentence and leaves with its code."""

    exit_code = 4


class UsageError(ProberError):
    """What was asked for cannot be done; nothing was sent."""

    exit_code = 2


class CouldNotProbe(ProberError):  # noqa: N818 - the word people know from the verdict
    """Nothing was measured, so nothing can be said about the pipeline."""


class ConnectError(CouldNotProbe):
    """No connection: closed port, unknown name, or a handshake that failed."""


class RefusedError(CouldNotProbe):
    """The peer answered and would not serve: its words are in the sentence."""


class NeverPrimed(CouldNotProbe):
    """Messages were written, and not one of them came back to the reader."""


class StoreError(ProberError):
    """History cannot be opened, read or written, and waiting does not help."""


class StoreAwayError(StoreError):
    """History cannot be had now: what waits may be written later."""


class InternalError(ProberError):
    """What should not have been possible, was: the fault is ours."""
