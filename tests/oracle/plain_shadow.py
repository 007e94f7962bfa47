"""What the market would have made of orders that were never sent: fractions, lists and loops, nothing of ours imported.

Days are numbered, one bar a day and symbol: (open, high, low, close, volume), or None where it did not trade. A
decision is a dict: day, job, ticket (a person's or not), cash, held, orders (dicts of `plain_exchange`, "symbol",
"side" among them). A trade of the account is (day decided, day filled, symbol, signed quantity, price, fee).
"""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

from tests.oracle.plain_exchange import Venue

Bar = tuple[Any, ...] | None


def last_close(bars: list[Bar], day: int, after: int = -1) -> F | None:
    """The newest close of days after+1 … day."""
    for number in range(day, after, -1):
        if (bar := bars[number]) is not None:
            return F(bar[3])
    return None


def shadow(
    market: dict[str, list[Bar]], decisions: list[dict[str, Any]], trades: list[tuple[Any, ...]], today: int,
    **venue: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """Each decision's profit beside the account's, and each order's fate, as of the close of a day."""
    told = []
    for number, decision in enumerate(decisions):
        if decision["day"] > today:
            continue
        later = [d["day"] for d in decisions[number + 1 :] if d["job"] == decision["job"] and d["day"] <= today]
        until = later[0] if later and not decision["ticket"] else today
        fills, ends = play(market, decision, today, venue)
        orders = {o["id"]: fate(market, o, decision["day"], fills, ends, today) for o in decision["orders"]}
        mine = [f for f in fills if f["day"] <= until]
        same = [t for t in trades if decision["day"] <= t[0] < until]
        own = [
            {"day": t[1], "symbol": t[2], "signed": F(t[3]), "price": F(t[4]), "fee": F(t[5])}
            for t in same if t[1] <= until
        ]  # fmt: skip
        live = None if decision["ticket"] else worth(market, own, until)
        told.append({"until": until, "orders": orders, "profit": worth(market, mine, until), "live": live})
    return told


def play(
    market: dict[str, list[Bar]], decision: dict[str, Any], today: int, venue: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    place = Venue(decision["cash"], **venue)
    place.held = {symbol: F(units) for symbol, units in decision["held"].items()}
    for order in decision["orders"]:
        place.submit(**order)
    fills: list[dict[str, Any]] = []
    symbols = {trade["id"]: trade["symbol"] for trade in decision["orders"]}
    for day in range(decision["day"] + 1, today + 1):
        before = len(place.trades)
        place.bar({symbol: bars[day] for symbol, bars in market.items() if bars[day] is not None})
        for name, side, quantity, price, fee in place.trades[before:]:
            root = name.split("/exit")[0]
            signed = quantity if side == "buy" else -quantity
            fills.append(
                {"day": day, "id": root, "exit": "/exit" in name, "symbol": symbols[root], "signed": signed,
                 "price": price, "fee": fee}
            )  # fmt: skip
    return fills, place.ends


def fate(
    market: dict[str, list[Bar]], order: dict[str, Any], day: int, fills: list[dict[str, Any]], ends: dict[str, str],
    today: int,
) -> dict[str, Any]:  # fmt: skip
    bars, sign = market[order["symbol"]], 1 if order["side"] == "buy" else -1
    entries = [f for f in fills if f["id"] == order["id"] and not f["exit"]]
    decided = last_close(bars, day)
    filled = sum((abs(f["signed"]) for f in entries), F(0))
    status = ends.get(order["id"], "partially_filled" if filled else "accepted")
    told: dict[str, Any] = {"status": status, "filled": filled, "decided": decided}
    told |= dict.fromkeys(("price", "slippage", "next close", "5 sessions", "missed"))
    if filled:
        price = sum(abs(f["signed"]) * f["price"] for f in entries) / filled
        told["price"] = price
        told["slippage"] = None if decided is None else 10_000 * sign * (decided - price) / decided
        at = entries[-1]["day"]
        for name, days in (("next close", 1), ("5 sessions", 5)):
            later = last_close(bars, at + days, after=at) if at + days <= today else None
            told[name] = None if later is None else 10_000 * sign * (later - price) / price
    elif decided is not None and day + 1 <= today:
        later = last_close(bars, day + 1, after=day)
        told["missed"] = None if later is None else 10_000 * sign * (later - decided) / decided
    return told


def worth(market: dict[str, list[Bar]], fills: list[dict[str, Any]], until: int) -> F | None:
    """What trades came to against doing nothing."""
    total = F(0)
    left: dict[str, F] = {}
    for fill in fills:
        total -= fill["signed"] * fill["price"] + fill["fee"]
        left[fill["symbol"]] = left.get(fill["symbol"], F(0)) + fill["signed"]
    for symbol, units in left.items():
        if units:
            price = last_close(market[symbol], until)
            if price is None:
                return None
            total += units * price
    return total
