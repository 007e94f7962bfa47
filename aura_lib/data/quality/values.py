"""What is wrong with single rows: prices that are not positive, a high below the low, a close outside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from aura_lib.data.quality.panel import Flags, Panel
from aura_lib.data.quality.report import Finding, Severity, per_symbol

__all__ = ["Flaw", "flaws", "rows"]


@dataclass(frozen=True)
class Flaw:
    """Cells (time × symbol, in the order given) that contradict what a price or volume can be."""

    check: str
    severity: Severity
    wrong: Flags
    field: str
    what: str


def flaws(panel: Panel) -> Iterator[Flaw]:
    """Every flaw that has a cell."""
    for found in (*_not_positive(panel), *_negative_volume(panel), *_ranges(panel)):
        if found.wrong.any():
            yield found


def rows(panel: Panel) -> Iterator[Finding]:
    """One finding a flaw and symbol."""
    for flaw in flaws(panel):
        if flaw.check == "not positive" and flaw.field != "volume":
            yield from _with_value(panel, flaw)
        else:
            yield from per_symbol(flaw.check, flaw.severity, flaw.wrong, panel.given_times, panel.symbols, flaw.what)


def _with_value(panel: Panel, flaw: Flaw) -> Iterator[Finding]:
    values = panel.fields[flaw.field].to_numpy()
    for place, symbol in enumerate(panel.symbols):
        wrong = flaw.wrong[:, place]
        if wrong.any():
            at, value = panel.given_times[wrong], values[wrong, place][0]
            detail = f"{flaw.field} at {at[0]} is {value} ({len(at)} such)"
            yield Finding.at(flaw.check, flaw.severity, symbol, at, detail)


def _not_positive(panel: Panel) -> Iterable[Flaw]:
    for name, frame in panel.fields.items():
        if name != "volume":
            values = frame.to_numpy()
            wrong = (values <= 0) | np.isinf(values)
            yield Flaw("not positive", "error", wrong, name, f"the {name} is not positive")


def _negative_volume(panel: Panel) -> Iterable[Flaw]:
    if "volume" in panel.fields:
        values = panel.fields["volume"].to_numpy()
        yield Flaw("not positive", "error", (values < 0) | np.isinf(values), "volume", "volume is negative or infinite")


def _ranges(panel: Panel) -> Iterable[Flaw]:
    """High below low; open or close outside them by more than rounding."""
    if not {"high", "low"} <= set(panel.fields):
        return
    low, high = panel.fields["low"].to_numpy(), panel.fields["high"].to_numpy()
    little = panel.limits.rounding
    crossed = high < low * (1 - little)
    yield Flaw("high below low", "error", crossed, "high", "the high is below the low")
    for name in ("open", "close"):
        if name in panel.fields:
            value = panel.fields[name].to_numpy()
            outside = (value > high * (1 + little)) | (value < low * (1 - little))
            yield Flaw("outside range", "warn", outside & ~crossed, name, f"the {name} is not between low and high")
