"""A long run: how far it is, and a way to stop it that loses nothing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from time import perf_counter
from types import FrameType, TracebackType
from typing import Any

Progress = Callable[[int, int], None]
PATIENCE = 2.0  # seconds before a person is shown anything
PACE = 0.2  # seconds between two looks


class Bar:
    """A `progress` that draws a line on stderr once a run has taken two seconds, and wipes it at the end.

    Only where a person looks on: a terminal or a notebook, never a job.
    """

    def __init__(self, what: str) -> None:
        self.what, self.shown = what, False
        self._began = perf_counter()
        self._next = self._began + PATIENCE if somebody_looks() else float("inf")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.shown:
            sys.stderr.write("\r" + " " * 78 + "\r")
            sys.stderr.flush()

    def __call__(self, done: int, total: int) -> None:
        """Tell that so many of all slots are done."""
        now = perf_counter()
        if now < self._next:
            return
        left, share = (now - self._began) / max(done, 1) * (total - done), done / max(total, 1)
        line = f"{self.what} {'█' * round(24 * share):░<24} {share:4.0%}  {done:,} of {total:,}, {left:,.0f} s left"
        sys.stderr.write(f"\r{line:<78.78}")
        sys.stderr.flush()
        self.shown, self._next = True, now + PACE


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


def somebody_looks() -> bool:
    """Whether a person may read stderr while this runs."""
    return not in_a_job() and (sys.stderr.isatty() or _in_a_notebook())


def _in_a_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None
