"""A rebalance plan as people read it: its figures, a row an order, a row a lot. It shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from aura_lib.reports import formats, tables

if TYPE_CHECKING:
    from aura_lib.execution.rebalance import Rebalance

_STYLE = (
    ".aura-plan table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".aura-plan td,.aura-plan th{padding:2px 10px;text-align:right}"
    ".aura-plan td.w,.aura-plan th.w{text-align:left}.aura-plan .no{font-weight:bold}"
)


class RebalanceSheet:
    """A rebalance plan for people: `_repr_html_` in a notebook, text in a terminal."""

    def __init__(self, rebalance: Rebalance) -> None:
        self._plan = rebalance

    @property
    def title(self) -> str:
        """Whose plan it is, as of when."""
        plan = self._plan
        return (
            f"Rebalance of {plan.account}/{plan.book} as of {formats.moment(plan.plan.targets.as_of)}: nothing is sent"
        )

    def figures(self) -> list[tuple[str, str]]:
        """The figures of the whole, written."""
        told, currency = self._plan.summary(), self._plan.plan.account.currency
        shown = {"orders": str(told["orders"]), "turnover": formats.percent(told["turnover"], sign=False)}
        money = [name for name in told if name not in ("orders", "turnover", "refused")]
        shown |= {name: formats.money(told[name], currency) for name in money}
        return list({**shown, "refused": str(told["refused"])}.items())

    def orders(self) -> pd.DataFrame:
        """A row an order, written."""
        return _written(self._plan.table(), self._plan.plan.account.currency)

    def lots(self) -> pd.DataFrame:
        """A row a lot that is taken, written."""
        return _written(self._plan.lots_table(), self._plan.plan.account.currency)

    def _repr_html_(self) -> str:
        figures = "".join(f"<tr><th class='w'>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in self.figures())
        parts = [f"<strong>{escape(self.title)}</strong><table>{figures}</table>", _html(self.orders(), "no order")]
        parts += [_html(self.lots(), "")]
        return f"<div class='aura-plan'><style>{_STYLE}</style>{''.join(parts)}</div>"

    def __repr__(self) -> str:
        figures = "\n".join(f"{name:>16}  {value}" for name, value in self.figures())
        rest = [tables.as_text(t) for t in (self.orders(), self.lots()) if len(t)]
        return "\n".join([self.title, figures, *rest])


def rebalance_sheet(rebalance: Rebalance) -> RebalanceSheet:
    """A rebalance plan that shows itself."""
    return RebalanceSheet(rebalance)


def _written(table: pd.DataFrame, currency: str) -> pd.DataFrame:
    percent = ("weight before", "weight after", "target")
    money = ("price", "value", "cost", "proceeds", "realised")
    shown = {}
    for name in table.columns:
        cells = table[name].tolist()
        if name in percent:
            shown[name] = [formats.percent(cell, sign=False) for cell in cells]
        elif name in money:
            shown[name] = [formats.money(cell, currency) for cell in cells]
        elif name == "opened":
            shown[name] = [formats.day(cell) for cell in cells]
        else:
            shown[name] = [formats.quantity(c) if name == "quantity" else str(c) for c in cells]
    return pd.DataFrame(shown, columns=list(table.columns))


def _html(table: pd.DataFrame, empty: str) -> str:
    if not len(table):
        return f"<p>{empty}</p>" if empty else ""
    words = [name in ("symbol", "side", "lot", "opened", "term", "verdict") for name in table.columns]
    head = "".join(f"<th{' class=w' if w else ''}>{escape(n)}</th>" for n, w in zip(table.columns, words, strict=True))
    rows = "".join(
        "<tr>" + "".join(_cell(c, n, w) for c, n, w in zip(row, table.columns, words, strict=True)) + "</tr>"
        for row in table.itertuples(index=False)
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cell(cell: str, name: str, word: bool) -> str:
    refused = name == "verdict" and cell != "approved"
    kind = " ".join(k for k, yes in (("w", word), ("no", refused)) if yes)
    return f"<td{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{escape(cell)}</td>"
