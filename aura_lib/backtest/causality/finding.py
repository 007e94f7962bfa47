"""What a causality check found: findings, and how decisions moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

LOOK_AHEAD, RANDOM, STATE, CLOCK = "look-ahead", "not deterministic", "state", "wall clock"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where it is, and what to do instead.

    `kind` is "look-ahead", "not deterministic", "state" (depends on earlier calls) or "wall clock"; of a reading of
    source the name of the rule. `where` is a slot, or "cell 3, line 2"; `cell` (from 1; 0: no notebook) and `line`
    (from 1) say so in numbers, `text` is the line. `reach` is how many bars ahead was read, where it could be measured.
    A `warning` is no leak that can be proved: it is told, and refuses nothing.
    """

    kind: str
    where: str
    what: str
    why: str = ""
    instead: str = ""
    cell: int = 0
    line: int = 0
    text: str = ""
    reach: int | None = None
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.instead})" if self.instead else "")


@dataclass(frozen=True, slots=True)
class Causality:
    """Whether decisions, or rows of a frame, move when what comes after them does.

    `compared` counts comparisons by kind of other future. `moves` is time × cut: how far the answer at a time moved
    when everything after a cut was changed (0: not at all, NaN: the cut lies before the time). `unverified` names data
    made before the call that the check could alter after each cut only, not make again: give `build`, or check
    the notebook.
    """

    findings: tuple[Finding, ...]
    compared: Mapping[str, int]
    moves: pd.DataFrame
    unverified: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def table(self) -> pd.DataFrame:
        """A row a finding."""
        columns = ["kind", "where", "what", "reach", "why", "instead"]
        return pd.DataFrame([[getattr(f, name) for name in columns] for f in self.findings], columns=columns)

    def __str__(self) -> str:
        total = sum(self.compared.values())
        if self.clean:
            rest = f"; not made again: {', '.join(self.unverified)}" if self.unverified else ""
            return f"{total} comparisons, nothing moved{rest}"
        return f"{total} comparisons, {len(self.findings)} findings: " + "; ".join(map(str, self.findings))
