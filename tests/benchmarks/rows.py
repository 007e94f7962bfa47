"""What a benchmark says: one row a number, and the clock it is taken with."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number. `goal` is the most it may be (the least, where `more_is_better`).

    `peer` names what was measured beside it in the same run, `peer_value` in the same unit.
    """

    id: str
    value: float
    unit: str
    goal: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def ok(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal

    def as_dict(self) -> dict[str, str | float | bool | None]:
        """The row as build/bench.json holds it."""
        keys = ("id", "value", "unit", "goal", "peer", "peer_value", "ratio", "ok")
        return {key: getattr(self, key) for key in keys}


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Median wall time of some repetitions, after one that is not counted unless there is only one."""
    if times > 1:
        work()
    taken = []
    for _ in range(times):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return median(taken)


def peak() -> float:
    """Most memory that this process had, MB; what its parent had before it counts in ru_maxrss, but not in VmHWM."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
