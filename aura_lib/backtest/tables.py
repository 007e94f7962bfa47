"""A backtest's orders, fills, verdicts and assumptions, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.accounts import notes

if TYPE_CHECKING:
    from aura_lib.backtest.result import Backtest
    from aura_lib.core import Fill, Intent
    from aura_lib.exchange import Costs, FillModel, Terms


def orders(result: Backtest) -> pd.DataFrame:
    """A row an order."""
    columns = ["slot", "symbol", "side", "quantity", "filled", "status", "reason", "wish", "client id"]
    rows = [
        (o.time, *_wish(o.intent), float(o.filled), o.status.value, o.reason, o.intent.reason, o.client_id)
        for o in result.replay.orders
    ]
    return pd.DataFrame(rows, columns=columns)


def fills(result: Backtest) -> pd.DataFrame:
    """A row a fill."""
    columns = ["time", "symbol", "side", "quantity", "price", "value", "fee", "client id"]
    rows = [(f.time, *_wish(f), *map(float, (f.price, f.value, f.fee)), f.client_id) for f in result.replay.fills]
    table = pd.DataFrame(rows, columns=columns)
    trades = result.executions
    table.insert(7, "slippage", trades.spread + trades.slippage + trades.impact)
    return table


def decisions(result: Backtest) -> pd.DataFrame:
    """A row a leg that was proposed."""
    columns = ["slot", "symbol", "side", "quantity", "approved", "rule", "value", "limit"]
    rows = [
        (slot.slot, *_wish(intent), decision.approved, decision.rule, decision.value, decision.limit)
        for slot in result.replay.slots
        for intent, decision in zip(slot.intents, slot.decisions, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def bookings(result: Backtest) -> pd.DataFrame:
    """A row a booking."""
    columns = ["time", "kind", "symbol", "quantity", "cash", "currency", "note"]
    rows = [
        (b.time, b.kind.value, b.symbol, float(b.quantity), float(b.cash), b.currency, b.note)
        for b in result.source.bookings
    ]
    return pd.DataFrame(rows, columns=columns)


def round_trips(result: Backtest) -> pd.DataFrame:
    """A row for each part of a position that was closed, or is open at the end, as vectorbt counts them."""
    trades = result.portfolio.trades
    records, times = trades.values, result.portfolio.wrapper.index
    symbols = pd.Index(result.symbols)[records["col"]]
    multipliers = np.array([float(result.bars.instruments[s].multiplier) for s in symbols])
    return pd.DataFrame(
        {
            "symbol": symbols,
            "side": np.where(records["direction"] == 0, "long", "short"),
            "quantity": records["size"] / multipliers,
            "entry time": times[records["entry_idx"]],
            "entry price": records["entry_price"],
            "exit time": times[records["exit_idx"]],
            "exit price": records["exit_price"],
            "fees": records["entry_fees"] + records["exit_fees"],
            "profit": records["pnl"],
            "return": records["return"],
            "open": records["status"] == 0,
        }
    )


def assumptions(result: Backtest) -> dict[str, str]:
    """What was taken for granted, in words."""
    mandate, bars, source = result.mandate, result.bars, result.source
    last = bars.close[list(mandate.universe)].iloc[-1].notna()
    still_open = source.counts()["n_open"]
    told = {
        "decision": f"at the slots of '{result.schedule}', on bars closed by then",
        "fills": _filling(source.fill_model),
        "sizes": "fixed at the moment of decision from that moment's prices, rounded down to lots; "
        f"{mandate.cash_buffer:.2%} of equity kept as a buffer",
        "costs": _charges(source.costs, mandate.currency),
        "cash": _carry(source.costs),
        "account": _account(source.terms),
        "marking": "holdings are valued at their last known close",
        "prices": f"{bars.source}, {bars.frequency}, adjusted for {bars.adjustment or 'nothing'}; "
        f"snapshot {bars.snapshot or 'none (from memory)'}",
        "universe": f"{len(last)} symbols named by the mandate, of which {int(last.sum())} still trade at the end: "
        "a list made with hindsight holds survivors and flatters",
        "end": f"{still_open} orders had no bar after them and stay open; holdings are not sold at the end",
    }
    if said := notes(result).strip("; "):
        told["caution"] = said
    if result.repeats:
        told["repeats"] = "; ".join(result.repeats)
    return told


def _filling(model: FillModel) -> str:
    at = {"close": "close", "open": "open", "vwap": "typical price (H + L + C) / 3"}[model.at]
    told = f"market orders fill at the next bar's {at}; a symbol without a price in it expires"
    if model.volume_share is None:
        return f"{told}; whatever the volume"
    return f"{told}; all orders in a symbol take at most {model.volume_share:%} of a bar's volume"


def _charges(costs: Costs, currency: str) -> str:
    fee = costs.fees or f"{costs.commission_bps} bps of value, at least {costs.min_commission} {currency}"
    slippage = costs.slippage or f"{costs.slippage_bps} bps of price"
    return (
        f"commission {fee}; slippage {slippage}; spread {costs.spread or 'none'}; "
        f"market impact {costs.impact or 'none'}; no taxes"
    )


def _carry(costs: Costs) -> str:
    earned = "earns nothing" if costs.interest is None else f"earns {costs.interest.credit:%}"
    owed = "nothing" if costs.interest is None else f"{costs.interest.debit:%}"
    lent = "nothing" if costs.borrow is None else f"{costs.borrow.rate:%}"
    return f"{earned}; what is owed costs {owed}, what is sold short {lent}; proceeds of sells pay for buys at once"


def _account(terms: Terms) -> str:
    if not terms.margin:
        return "a cash account: long only, nothing borrowed"
    shorts = "shorts allowed" if terms.short else "long only"
    return f"on margin: {shorts}, exposure up to {terms.max_gross} times equity, closed out below {terms.floor:%} of it"


def _wish(leg: Intent | Fill) -> tuple[str, str, float]:
    return leg.symbol, leg.side.value, float(leg.quantity)
