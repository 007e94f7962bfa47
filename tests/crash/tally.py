"""The table of the crash matrix: what was done to whom, how often, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

HEAD = f"{'who':<26}{'what happens':<30}{'runs':>6}{'lives':>7}{'duplicate':>11}{'lost':>6}{'wrong':>7}"


@dataclass
class Tally:
    """The counts of one fault; `lives` are the processes (or desks) it took, `duplicates` and `lost` are orders."""

    who: str
    what: str
    runs: int = 0
    lives: int = 0
    duplicates: int = 0
    lost: int = 0
    wrong: int = 0

    def add(self, lives: int, duplicates: int, lost: int, wrong: bool) -> None:
        """One more run."""
        self.runs += 1
        self.lives += lives
        self.duplicates += duplicates
        self.lost += lost
        self.wrong += wrong

    def compare(self, lives: int, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        """One more run, whose outcome should have been another one's; the venue's lists tell what was sent."""
        sides = [key for key in expected if key in ("venue orders", "venue fills")]
        self.add(
            lives,
            sum(_more(found[side], expected[side]) for side in sides),
            sum(_more(expected[side], found[side]) for side in sides),
            any(found[key] != expected[key] for key in expected if key not in sides),
        )

    def __str__(self) -> str:
        counts = f"{self.runs:>6}{self.lives:>7}{self.duplicates:>11}{self.lost:>6}{self.wrong:>7}"
        return f"{self.who:<26}{self.what:<30}{counts}"


def _more(some: list[str], others: list[str]) -> int:
    left = list(others)
    return sum(1 for one in some if one not in left or left.remove(one))  # type: ignore[func-returns-value]


def table(tallies: Iterable[Tally]) -> str:
    """The counts as text, a line a fault, and all of them together."""
    rows = list(tallies)
    total = Tally("all", "")
    for row in rows:
        for name in ("runs", "lives", "duplicates", "lost", "wrong"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return "\n".join([HEAD, *map(str, rows), str(total)])
