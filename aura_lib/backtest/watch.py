"""A long run can be stopped, and loses nothing."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Stop:
    """Ctrl-C, or the kernel's stop button, as a wish: the run ends after the slot it is at and keeps what is done.

    A second interrupt raises KeyboardInterrupt at once. In a job interrupts are left alone: half a backtest is no
    result of a run; so they are outside the main thread, and where somebody else handles them.
    """

    def __init__(self) -> None:
        self.wished = False
        self._before: Any = None

    def __enter__(self) -> Stop:
        ours = threading.current_thread() is threading.main_thread() and not in_a_job()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True


def in_a_job() -> bool:
    """Whether a runner started this process."""
    return "AURA_RUN_CONTEXT" in os.environ
