"""A shadow's comparison as people read it: a row a decision, a row an order, the figures, and what is assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.reports import formats, tables
from aura_lib.reports.figures import beside, markouts

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from aura_lib.execution.shadow import Comparison, DecisionResult, OrderResult
    from aura_lib.reports.about import About
    from aura_lib.reports.themes import ThemeName

MONEY = ("profit", "live", "ahead")
BPS = "bps"  # how the name of a column in basis points ends


def decisions(found: Comparison) -> list[dict[str, Any]]:
    """A row a decision, amounts exact: what was decided, and what it would have made beside the account."""
    return [_decision(one) for one in found.decisions]


def _decision(one: DecisionResult) -> dict[str, Any]:
    basket, verdicts = one.judged.basket, one.judged.decisions
    return {
        "decided": basket.as_of, "until": one.until, "by": basket.origin, "book": basket.book,
        "orders": len(one.orders), "refused": sum(not d.approved for d in verdicts),
        "would fill": sum(bool(o.fills) for o in one.orders), "profit": one.profit, "live": one.live,
        "ahead": one.ahead, "live fills": one.live_fills, "note": "; ".join((*_whys(one), *one.notes)),
    }  # fmt: skip


def _whys(one: DecisionResult) -> Iterable[str]:
    """Why wishes were refused, each reason once."""
    return dict.fromkeys(f"{d.rule}: {d.value}" for d in one.judged.decisions if not d.approved)


def orders(found: Comparison) -> list[dict[str, Any]]:
    """A row a withheld order, amounts exact: would it have filled, at what price, and what came after."""
    horizons = list(dict.fromkeys(name for one in found.orders for name in one.markouts_bps))
    return [_order(one, horizons) for one in found.orders]


def _order(one: OrderResult, horizons: Iterable[str]) -> dict[str, Any]:
    order, intent = one.order, one.order.intent
    first = min((fill.time for fill in one.fills), default=None)
    return {
        "decided": order.time, "symbol": intent.symbol, "side": intent.side.value, "type": intent.type.value,
        "quantity": intent.quantity, "would be": one.status.value, "filled": one.filled, "first fill": first,
        "at decision": one.decision_price, "price": one.price, "slippage bps": one.slippage_bps,
        **{f"{name} bps": one.markouts_bps.get(name) for name in horizons}, "missed bps": one.missed_bps,
        "fees": one.fees, "live quantity": one.live_quantity, "live price": one.live_price,
        "note": one.note or one.reason, "order": order.client_id,
    }  # fmt: skip


def summary(found: Comparison) -> dict[str, Any]:
    """The numbers of the whole, amounts exact."""
    shadow, live = found.compared()
    filled = [one for one in found.orders if one.filled]
    slipped = [one.slippage_bps for one in filled if one.slippage_bps is not None]
    return {
        "decided": len(found.decisions), "wishes": sum(len(one.judged.decisions) for one in found.decisions),
        "withheld": len(found.orders), "would_fill": len(filled), "refused": sum(found.refusals.values()),
        "profit": found.profit, "compared_profit": shadow, "live_profit": live, "ahead": shadow - live,
        "slippage_bps": sum(slipped, Decimal(0)) / len(slipped) if slipped else None,
    }  # fmt: skip


def sentence(found: Comparison) -> str:
    """What came of it, in one line."""
    told, currency = summary(found), found.currency
    ahead = told["ahead"]
    by = f"{formats.money(abs(ahead), currency)} {'ahead' if ahead > 0 else 'behind'}" if ahead else "neither is ahead"
    return (
        f"{told['wishes']} wishes in {told['decided']} decisions as of {formats.moment(found.as_of)}; "
        f"{told['withheld']} withheld, {told['would_fill']} of them would have filled, {told['refused']} refused. "
        f"Profit against doing nothing {formats.money(told['compared_profit'], currency)}, the account's own "
        f"{formats.money(told['live_profit'], currency)}: {by}."
    )


def assumptions(found: Comparison) -> str:
    """Under which assumptions the orders were played, and what they leave out."""
    costs, at = found.costs, {"close": "close", "open": "open", "vwap": "typical price"}[found.fills.at]
    fee = costs.fees if costs.fees is not None else f"{formats.quantity(costs.commission_bps)} bps"
    slip = costs.slippage if costs.slippage is not None else f"{formats.quantity(costs.slippage_bps)} bps"
    return (
        f"A market order is taken to fill at the next bar's {at}; commission {fee}, slippage {slip}. Each decision "
        "starts from what the account really held and counts until the same job decided again. The orders' own effect "
        "on the market and their place in its queue are not modelled."
    )


# ---- tables --------------------------------------------------------------------------------------------------------
def decisions_table(found: Comparison) -> pd.DataFrame:
    """A row a decision, written."""
    return _written(decisions(found), found.currency)


def orders_table(found: Comparison) -> pd.DataFrame:
    """A row a withheld order, written."""
    rows = [{name: cell for name, cell in row.items() if name != "order"} for row in orders(found)]
    return _written(rows, found.currency)


def refusals_table(found: Comparison) -> pd.DataFrame:
    """Rule → how many wishes it refused."""
    return pd.DataFrame({"rule": list(found.refusals), "wishes": list(found.refusals.values())})


def _written(rows: list[dict[str, Any]], currency: str) -> pd.DataFrame:
    """Rows as text; columns in which nothing is told are left out, but for what a table is about."""
    names = [name for name in (rows[0] if rows else {}) if any(_tells(row[name]) for row in rows)]
    columns = {_heading(name, currency): [_cell(name, row[name]) for row in rows] for name in names}
    return tables.written(columns, pd.RangeIndex(len(rows)))


def _tells(cell: Any) -> bool:
    return cell is not None and cell != ""


def _heading(name: str, currency: str) -> str:
    zone = formats.zone_name(formats.ZONE)
    unit = {"decided": zone, "until": zone, "first fill": zone, **dict.fromkeys(MONEY, currency), "fees": currency}
    return formats.label(name) + (f", {unit[name]}" if name in unit else "")


def _cell(name: str, cell: Any) -> str:
    if cell is None:
        return formats.NOTHING
    if isinstance(cell, datetime):
        return formats.clock(cell)
    if name.endswith(BPS):
        return f"{cell:+,.1f}".replace("-", formats.MINUS)
    if name in MONEY or name == "fees":
        return formats.amount(cell)
    return formats.quantity(cell) if isinstance(cell, int | Decimal) else str(cell)


# ---- figures -------------------------------------------------------------------------------------------------------
def profit_figure(found: Comparison, about: About, theme: ThemeName = "light") -> go.Figure:
    """What the withheld orders would have made, beside what the account made."""
    told = pd.DataFrame(
        [
            {"until": one.until, "shadow": _float(one.profit), "live": _float(one.live)}
            for one in found.decisions
            if one.live is not None or one.profit is None
        ],
        columns=["until", "shadow", "live"],
    )
    known = told.groupby("until").sum(min_count=1) if len(told) else told.set_index("until")
    return beside(known, about=about, theme=theme)


def markout_figure(found: Comparison, about: About, theme: ThemeName = "light") -> go.Figure:
    """What prices did after the fills that would have been."""
    filled = [one for one in found.orders if one.filled]
    rows: list[Mapping[str, float]] = [{n: _float(v) for n, v in one.markouts_bps.items()} for one in filled]
    names = [
        f"{one.order.intent.symbol} {one.order.intent.side.value}, {formats.day(one.order.time)}" for one in filled
    ]
    return markouts(pd.DataFrame(rows, index=names), about=about, theme=theme)


def _float(amount: Decimal | None) -> float:
    return float("nan") if amount is None else float(amount)
