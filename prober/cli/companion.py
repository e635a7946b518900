"""`--while -- COMMAND…`: a command that is run while the probe goes on.

    probe      |··lead··|··········· while it runs ···········|··settle··|
    command             |═════════════════════════════════════|

Standard output is the command's alone, its input too. At a terminal Ctrl-C goes to both
by itself, for they are of one group; other signals are handed on.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import PurePath

from prober.clock import Clock
from prober.errors import UsageError
from prober.probe.job import Observer, Phase, Progress
from prober.records import Command

LEAD_SECONDS = 2.0
"""How long is sent before the command starts, to be compared with what comes then."""
SETTLE_SECONDS = 5.0
"""How long is sent after it ended: what it did is not over with it."""
_BY_SIGNAL = 128
"""What shells add to the number of the signal that ended a command."""
_CANNOT_RUN = 126
"""What shells say of a command that is there and cannot be run."""


def check(command: Sequence[str]) -> None:
    """Make sure, before anything is sent, that there is such a command.

    Raises UsageError if not.
    """
    if not command:
        raise UsageError("--while needs a command: prober run ENV --while -- COMMAND…")
    if shutil.which(command[0]) is None:
        raise UsageError(f"--while: there is no command {command[0]!r:.200} to run")


class Companion:
    """Starts the command once the probe sends, and ends the probe after it."""

    def __init__(
        self,
        command: Sequence[str],
        clock: Clock,
        *,
        lead: float = LEAD_SECONDS,
        settle: float = SETTLE_SECONDS,
    ) -> None:
        self._command, self._clock = tuple(command), clock
        self._lead, self._settle = lead, settle
        self._sending = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._begun = False
        self.ran: Command | None = None
        """Once it has ended; None if it was never started."""

    @property
    def exit_code(self) -> int:
        """The command's, 0 if there was none."""
        return self.ran.exit_code if self.ran else 0

    @property
    def not_started(self) -> str:
        """What is to be said of a command that was never started; else empty."""
        unstarted = self._command and not self._begun
        return f"{self._command[0]} was not started" if unstarted else ""

    def observing(self, observer: Observer) -> Observer:
        """Return the same observer, by which we learn when the probe sends."""

        def observe(progress: Progress) -> None:
            if progress.phase is Phase.SENDING and progress.sent:
                self._sending.set()
            observer(progress)

        return observe

    def tell(self, caught: signal.Signals) -> None:
        """Hand a signal on, unless the terminal has sent it to the command as well."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if caught is not signal.SIGINT or not _at_terminal():
            process.send_signal(caught)
        elif sys.stderr.isatty():
            sys.stderr.write("\n")  # behind the terminal's ^C: what follows is framed

    @asynccontextmanager
    async def beside(
        self, stop: asyncio.Event, enough: asyncio.Event
    ) -> AsyncIterator[None]:
        """Run the command while the block probes; leave when both have ended.

        It is not started if the probe is stopped, or fails, before it sends.
        """
        if not self._command:
            yield
            return
        running = asyncio.create_task(self._run(stop, enough))
        try:
            yield
        finally:
            outlasted = self._begun and self.ran is None
            if not outlasted:
                running.cancel()
            await asyncio.wait({running})
            if self.ran is not None:
                self.ran = replace(self.ran, outlasted=outlasted)

    async def _run(self, stop: asyncio.Event, enough: asyncio.Event) -> None:
        await self._sending.wait()
        await self._clock.sleep(self._lead)
        if stop.is_set():
            return
        self._begun = True  # from here on it is waited for
        started_ns = self._clock.now_ns()
        exit_code = await self._exit_code()
        self.ran = Command(
            name=PurePath(self._command[0]).name,
            started_ns=started_ns,
            ended_ns=self._clock.now_ns(),
            exit_code=exit_code,
            outlasted=False,
        )
        if not stop.is_set():
            await self._clock.sleep(self._settle)
        enough.set()

    async def _exit_code(self) -> int:
        try:
            self._process = await asyncio.create_subprocess_exec(*self._command)
        except OSError as error:
            sys.stderr.write(f"cannot run {self._command[0]}: {error.strerror}\n")
            return _CANNOT_RUN
        code = await self._process.wait()
        return code if code >= 0 else _BY_SIGNAL - code


def _at_terminal() -> bool:
    """Tell whether Ctrl-C reaches the command without us: same terminal, same group."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # no terminal, or standard input is closed
        return False
