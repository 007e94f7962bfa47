"""What is done about a finding: ignored, warned of, refused. Research is told, a job that trades is stopped."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from aura_lib.core import DataError, InputError
from aura_lib.data.quality.examine import CHECKS
from aura_lib.data.quality.report import Finding, Quality

__all__ = ["LEVELS", "Policy"]

Action = Literal["ignore", "warn", "refuse"]
ACTIONS = ("ignore", "warn", "refuse")
RECENT = 20  # bars: a month of days, what an order of today leans on most
SHOWN = 5  # findings that a refusal names

# Two more that only a job asks about: rows set aside among its last bars, a symbol whose last bar is not there.
MORE = ("quarantine", "missing last bar")
# What a single bad row is: set aside at the fetch, so that the rest can be used.
ROWS = ("duplicate", "unexpected bar", "not positive", "high below low")

_RESEARCH: Mapping[str, Action] = {
    **dict.fromkeys(CHECKS, "warn"),
    **dict.fromkeys((*ROWS, "time zone", "empty"), "refuse"),
    "quarantine": "warn",
    "missing last bar": "ignore",
}  # fmt: skip
_PAPER: Mapping[str, Action] = {
    **_RESEARCH,
    **dict.fromkeys(("missing session", "stale", "quarantine", "missing last bar", "future"), "refuse"),
}
_LIVE: Mapping[str, Action] = {
    **_PAPER,
    **dict.fromkeys(("jump", "currency", "gap", "no volume", "volume unit", "outside range"), "refuse"),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Check → "ignore", "warn" or "refuse". Only what is among the last `recent` bars counts; None: all of them.

    The levels: `research` warns of everything and refuses what no computation can use; `paper` also refuses when the
    last bars are stale, missing, set aside or not closed; `live` also what may be a wrong price: a jump that nothing
    explains, a hole, another unit.
    """

    name: str
    actions: Mapping[str, Action] = field(default_factory=dict)
    recent: int | None = None

    def __post_init__(self) -> None:
        for check, action in self.actions.items():
            _known("check", check, (*CHECKS, *MORE))
            _known("action", action, ACTIONS)

    @staticmethod
    def of(given: Any, mode: str = "research") -> Policy:
        """A policy from what a job file says: nothing (the level of its mode), a level, or changes to one.

        `{jump: refuse, stale: warn}` changes single checks; `level` names another level to start from, `recent` how
        many bars count. InputError names what is wrong.
        """
        if isinstance(given, Policy):
            return given
        words = {"level": given} if isinstance(given, str) else given or {}
        if not isinstance(words, Mapping):
            raise InputError(f"quality must be a level ({', '.join(LEVELS)}) or a mapping of checks, not {given!r}")
        level = LEVELS[_known("level", words.get("level", mode), tuple(LEVELS))]
        recent = words.get("recent", level.recent)
        if recent is not None and (isinstance(recent, bool) or not isinstance(recent, int) or recent < 1):
            raise InputError(f"quality: recent must be a whole number of bars from 1, not {recent!r}")
        changes: dict[str, Any] = {str(c).replace("_", " "): action for c, action in words.items() if c not in _OWN}
        name = level.name if not changes else f"{level.name} with changes"
        return Policy(name, {**level.actions, **changes}, recent)

    def action(self, check: str) -> Action:
        """What is done about a check; of one that is not named: a warning."""
        return self.actions.get(check, "warn")

    def refused(self, report: Quality) -> tuple[Finding, ...]:
        """The findings that make this policy refuse."""
        return tuple(f for f in report.findings if self.action(f.check) == "refuse")

    def warned(self, report: Quality) -> tuple[Finding, ...]:
        """The findings it warns of."""
        return tuple(f for f in report.findings if self.action(f.check) == "warn")

    def enforce(self, report: Quality, *, stacklevel: int = 2) -> Quality:
        """Refuse with a DataError that names the findings, warn of the others; the report comes back."""
        if refused := self.refused(report):
            named = "; ".join(map(str, refused[:SHOWN]))
            more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
            checks = ", ".join(sorted({f"{f.check.replace(' ', '_')}: warn" for f in refused}))
            raise DataError(
                f"the bars of {report.source} are refused by the {self.name} policy, {len(refused)} finding(s): "
                f"{named}{more}. Look at them (aura data verify); if they are true, say so: quality: {{{checks}}}"
            )
        if told := self.warned(report):
            lines = [f"{report.source}:", *map(str, told[: 2 * SHOWN])]
            more = f"\n  and {len(told) - 2 * SHOWN} more: aura.data.check(bars)" if len(told) > 2 * SHOWN else ""
            warnings.warn("\n  ".join(lines) + more, stacklevel=stacklevel + 1)
        return report


_OWN = ("level", "recent")


def _known(kind: str, given: Any, names: tuple[str, ...]) -> str:
    plain = str(given).replace("_", " ") if kind == "check" else str(given)
    if plain in names:
        return plain
    near = difflib.get_close_matches(plain, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(names)}"
    raise InputError(f"quality: unknown {kind} {given!r}; {hint}")


LEVELS: Mapping[str, Policy] = MappingProxyType(
    {
        "research": Policy("research", MappingProxyType(_RESEARCH)),
        "paper": Policy("paper", MappingProxyType(_PAPER), RECENT),
        "live": Policy("live", MappingProxyType(_LIVE), RECENT),
    }
)
