"""A progress bar for what takes long, where somebody watches: a terminal or a notebook, and no job."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]  # told how many of how many are done

QUIET = "TQDM_DISABLE"  # set in the kernels of jobs and dashboards, where a bar would be written into the output
DELAY = 2.0  # seconds before the bar shows: what is over by then needs none


@contextmanager
def watched(progress: Progress | None, title: str, unit: str) -> Iterator[Progress]:
    """The caller's `progress`; without one a bar on stderr that shows after two seconds, where somebody watches.

    `unit` is what is counted, in the plural. Nobody watches where stderr is no terminal and this is no notebook, or
    where the environment sets TQDM_DISABLE.
    """
    if progress is not None or not _somebody_watches():
        yield progress or _nobody
        return
    from tqdm.auto import tqdm

    with tqdm(desc=title, unit=f" {unit}", delay=DELAY, leave=False, file=sys.stderr) as bar:

        def told(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield told


def _somebody_watches() -> bool:
    if os.environ.get(QUIET, "") not in ("", "0"):
        return False
    return sys.stderr.isatty() or "ipykernel.zmqshell" in sys.modules


def _nobody(done: int, total: int) -> None:
    """Progress that is told to nobody."""
