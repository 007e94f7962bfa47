"""`aura trials`: what was tried, how often, by whom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.ledger.trials import Trials

FAMILY = Annotated[str, typer.Argument(help="A notebook or a function, as the list names it; none lists all.")]
COLUMNS = {
    "family": "family", "trials": ">trials", "sweeps": ">sweeps", "best": ">best", "variance": ">variance",
    "first": "first", "last": "last", "who": "who",
}  # fmt: skip
ENTRIES = {
    "time": "time", "who": "who", "what": "what", "trials": ">trials", "sharpe": ">Sharpe", "outcome": "outcome",
    "parameters": "parameters",
}  # fmt: skip
LONG = 80  # characters of parameters in a terminal


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def trials(family: FAMILY = "") -> Answer:
        """Every strategy family that was tried: how often, by whom, and how good the best of it was."""
        from aura_lib.ledger import Ledger
        from aura_lib.ledger.trials import families

        ledger = Ledger.find()
        if ledger is None:
            return _all([]) if not family else _one(family, [])
        with ledger:
            found = families(ledger)
        return _one(family, found) if family else _all(found)


def _all(found: list[Trials]) -> Answer:
    rows = [_row(one) for one in found]
    shown = table("Trials", COLUMNS, [_written(row) for row in rows], "nothing was tried yet")
    note = "Best Sharpe ratio a year, and the variance; a notebook and the module of its strategy share trials."
    return Answer(rows, (shown, note) if rows else (shown,))


def _one(family: str, found: list[Trials]) -> Answer:
    from aura_lib.core import InputError
    from aura_lib.ledger import Ledger
    from aura_lib.ledger.trials import history

    names = [one.family for one in found]
    if family not in names:
        known = ", ".join(names[:10]) or "nothing was tried yet"
        raise InputError(f"no trials of {family!r}; there are some of: {known}")
    with Ledger.open() as ledger:
        one = history(ledger, family)
    entries: list[dict[str, Any]] = [{str(n): v for n, v in row.items()} for row in one.table().to_dict("records")]
    shown: list[dict[str, Any]] = [
        {
            **entry, "time": f"{entry['time']:%Y-%m-%d %H:%M}", "sharpe": _number(entry["sharpe"]),
            "trials": f"{entry['trials']:,}", "parameters": _short(entry["parameters"]),
        }
        for entry in entries
    ]  # fmt: skip
    data = {**_row(one), "problems": list(one.problems), "entries": entries}
    head = table("Trials", COLUMNS, [_written(_row(one))])
    left = f"{one.abandoned:,} abandoned" if one.abandoned else "none abandoned"
    return Answer(data, (head, table(f"What was tried, {left}", ENTRIES, shown), *one.problems))


def _row(one: Trials) -> dict[str, Any]:
    """A family for machines: Sharpe ratio and variance annualised."""
    return {
        "family": one.family, "trials": one.count, "sweeps": one.sweeps, "abandoned": one.abandoned,
        "best": one.sharpe_best * math.sqrt(one.periods), "variance": one.sharpe_variance * one.periods,
        "first": one.first, "last": one.last, "who": list(one.who),
    }  # fmt: skip


def _written(row: dict[str, Any]) -> dict[str, str]:
    counts = {name: f"{row[name]:,}" for name in ("trials", "sweeps")}
    numbers = {name: _number(row[name]) for name in ("best", "variance")}
    days = {name: f"{row[name]:%Y-%m-%d}" for name in ("first", "last")}
    return {"family": row["family"], **counts, **numbers, **days, "who": ", ".join(row["who"])}


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"
