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


class Watch:
    """Tells how many slots are done, and whether somebody pressed Ctrl-C (the kernel's stop button).

    Without a `progress` function, and only where a person looks on (a terminal or a notebook, never a job), a line
    on stderr appears after two seconds. The first interrupt asks the run to end after the slot it is at; a second
    one raises KeyboardInterrupt at once. In a job interrupts are left alone: half a backtest is no result of a run.
    """

    def __init__(self, total: int, progress: Progress | None, what: str = "backtest") -> None:
        self.total, self.what = total, what
        self.progress = progress
        self.shown = False
        self.interrupted = False
        self._began = perf_counter()
        self._next = self._began + PATIENCE if progress is None and _somebody_looks() else float("inf")
        self._before: Any = None

    def __enter__(self) -> Watch:
        main = threading.current_thread() is threading.main_thread()
        if main and not in_a_job() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self.shown:
            sys.stderr.write("\r" + " " * 78 + "\r")
            sys.stderr.flush()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True

    def done(self, count: int) -> bool:
        """Tell that so many slots are done; whether the run shall go on."""
        if self.progress is not None:
            self.progress(count, self.total)
        elif self._next != float("inf") and (now := perf_counter()) >= self._next:
            self._show(count, now)
        return not self.interrupted

    def _show(self, count: int, now: float) -> None:
        taken = now - self._began
        left = taken / max(count, 1) * (self.total - count)
        share = count / max(self.total, 1)
        bar = "█" * round(24 * share)
        told = f"{self.what} {bar:░<24} {share:4.0%}  {count:,} of {self.total:,} slots, {left:,.0f} s left"
        sys.stderr.write(f"\r{told:<78.78}")
        sys.stderr.flush()
        self.shown, self._next = True, now + PACE


def in_a_job() -> bool:
    """Whether a runner started this process."""
    return "AURA_RUN_CONTEXT" in os.environ


def _somebody_looks() -> bool:
    return not in_a_job() and (sys.stderr.isatty() or _in_a_notebook())


def _in_a_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None
