"""How long the collector of garbage stops the whole process."""

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Self

from prober.clock import NS


class Pauses(AbstractContextManager["Pauses"]):
    """Times every garbage collection of the process while its block runs.

    What is told is told in whatever thread the collection stopped.
    """

    def __init__(self, see: Callable[[float], None]) -> None:
        self._see = see
        self._began_ns = 0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._collected)
        return self

    def __exit__(self, *exc: object) -> None:
        gc.callbacks.remove(self._collected)

    def _collected(self, phase: str, _info: Mapping[str, int]) -> None:
        now_ns = time.perf_counter_ns()
        if phase == "start":
            self._began_ns = now_ns
        else:
            self._see((now_ns - self._began_ns) / NS)
