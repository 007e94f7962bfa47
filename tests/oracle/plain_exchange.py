"""A venue for one long-only cash account, slowly and plainly: fractions, dicts and loops, nothing of ours imported.

The rules, as the docstrings of the exchange state them. A bar is (open, high, low, close, volume or None). An order is
a dict: id, symbol, side, type, quantity, force, and the prices of its type. The moments of a bar are 0 the open,
1 within, 2 late (after something else of the same bar), 3 the close.
"""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

MARKET, STOP, LIMIT = 0, 1, 2


class Venue:
    """Cash, units held, and open orders in the order of their coming; lots are one unit."""

    def __init__(self, cash: Any, *, at: str, share: Any, commission_bps: Any, slippage_bps: Any) -> None:
        self.cash, self.held = F(cash), {}
        self.at, self.share = at, None if share is None else F(share)
        self.commission, self.slippage = F(commission_bps) / 10_000, F(slippage_bps) / 10_000
        self.open: list[dict[str, Any]] = []
        self.trades: list[tuple[str, str, F, F, F]] = []  # id, side, quantity, price, fee
        self.ends: dict[str, str] = {}
        self.count = 0

    def submit(self, **order: Any) -> None:
        self.count += 1
        self.open.append({"done": F(0), "arrived": self.count, "hit": False, "best": None, "new": False, **order})

    def bar(self, bars: dict[str, tuple[Any, ...]]) -> None:
        """Play one bar; a symbol that did not trade is missing."""
        self.room = {
            s: None if b[4] is None or self.share is None else F(int(F(b[4]) * self.share)) for s, b in bars.items()
        }
        chances = []
        for order in list(self.open):
            if order["symbol"] in bars:
                made = self.chance(order, bars[order["symbol"]])
                if made is not None:
                    chances.append((order, made))
        while chances:
            chances.sort(key=lambda pair: self.key(*pair))
            order, made = chances.pop(0)
            if order in self.open:
                later = self.execute(order, made, bars[order["symbol"]])
                if later is not None:
                    chances.append(later)
        for order in list(self.open):
            self.after(order, bars.get(order["symbol"]))

    @staticmethod
    def key(order: dict[str, Any], made: dict[str, Any]) -> tuple[Any, ...]:
        buys = order["side"] == "buy"
        if made["rank"] == MARKET:
            return made["when"], buys, MARKET, "", F(0), order["arrived"]
        price = made["limit"] if made["rank"] == LIMIT else made["price"]
        if (made["rank"] == LIMIT) == buys:
            price = -price
        return made["when"], buys, made["rank"], order["symbol"], price, order["arrived"]

    def chance(self, o: dict[str, Any], bar: tuple[Any, ...]) -> dict[str, Any] | None:
        """When in the bar, at which price, with which limit, and as a maker or not."""
        opened, high, low, close = map(F, bar[:4])
        typical = (high + low + close) / 3
        now = {"open": (0, opened), "close": (3, close), "vwap": (1, typical)}[self.at]
        if o["force"] == "opg":
            now = (0, opened)
        if o["force"] == "cls":
            now = (3, close)
        kind = o["type"]
        if kind == "market" or (kind == "bracket" and "limit" not in o and "stop" not in o):
            return {"when": now[0], "rank": MARKET, "price": now[1], "limit": None, "maker": False}
        if kind == "limit" and o["force"] in ("ioc", "fok", "opg", "cls"):
            fits = now[1] <= F(o["limit"]) if o["side"] == "buy" else now[1] >= F(o["limit"])
            return (
                {"when": now[0], "rank": LIMIT, "price": now[1], "limit": F(o["limit"]), "maker": False}
                if fits else None
            )  # fmt: skip
        up = o["side"] == "buy"
        sign = 1 if up else -1
        # seen from a buyer: mirror the prices of a seller, so that one set of comparisons serves both
        first, top, bottom, last = (
            sign * p for p in ((opened, high, low, close) if up else (opened, low, high, close))
        )

        def limit_at(limit: F) -> dict[str, Any] | None:
            if first <= sign * limit:
                return {"when": 0, "rank": LIMIT, "price": opened, "limit": limit, "maker": False}
            if bottom <= sign * limit:
                return {"when": 1, "rank": LIMIT, "price": limit, "limit": limit, "maker": True}
            return None

        def stop_at(stop: F, limit: F | None) -> dict[str, Any] | None:
            if first >= sign * stop:
                if limit is not None:
                    return limit_at(limit)
                return {"when": 0, "rank": STOP, "price": opened, "limit": None, "maker": False}
            if top >= sign * stop:
                if limit is None or sign * stop <= sign * limit:
                    return {"when": 1, "rank": STOP, "price": stop, "limit": limit, "maker": False}
                if last <= sign * limit:
                    return {"when": 2, "rank": LIMIT, "price": limit, "limit": limit, "maker": True}
            return None

        if kind == "limit" or (kind == "bracket" and "limit" in o):
            return limit_at(F(o["limit"]))
        stop_limit = F(o["stop_limit"]) if o.get("stop_limit") is not None else None
        if o["hit"]:
            if stop_limit is not None:
                return limit_at(stop_limit)
            return {"when": 0, "rank": MARKET, "price": opened, "limit": None, "maker": False}
        if kind in ("stop", "stop_limit", "bracket"):
            return stop_at(F(o["stop"]), stop_limit)
        if kind == "oco":
            stopped, target = stop_at(F(o["stop"]), stop_limit), limit_at(F(o["limit"]))
            if stopped is None or (target is not None and target["when"] < stopped["when"]):
                return target
            return stopped
        assert kind == "trailing_stop"
        best = o["best"]
        if best is not None and sign * opened >= sign * self.trail(o, best):
            return {"when": 0, "rank": STOP, "price": opened, "limit": None, "maker": False}
        best = opened if best is None else (min(best, opened) if up else max(best, opened))
        if top >= sign * self.trail(o, best):
            return {"when": 1, "rank": STOP, "price": self.trail(o, best), "limit": None, "maker": False}
        best = min(best, low) if up else max(best, high)
        if last >= sign * self.trail(o, best):
            return {"when": 2, "rank": STOP, "price": self.trail(o, best), "limit": None, "maker": False}
        return None

    @staticmethod
    def trail(o: dict[str, Any], best: F) -> F:
        distance = F(o["amount"]) if "amount" in o else best * F(o["percent"]) / 100
        return best + distance if o["side"] == "buy" else best - distance

    def execute(self, o: dict[str, Any], made: dict[str, Any], bar: tuple[Any, ...]) -> tuple[Any, Any] | None:
        wanted = F(o["quantity"]) - o["done"]
        room = self.room[o["symbol"]]
        most = wanted if room is None else min(wanted, room)
        if most == 0 or (o["force"] == "fok" and most < wanted):
            if o["force"] == "fok":
                self.end(o, "cancelled")
            return None
        sign = 1 if o["side"] == "buy" else -1
        price = made["price"]
        if not made["maker"]:
            price = round(price * (1 + sign * self.slippage), 6)
            if made["limit"] is not None and sign * price > sign * made["limit"]:
                price = made["limit"]
        quantity = most
        if o["side"] == "sell":
            quantity = min(quantity, self.held.get(o["symbol"], F(0)))
        while quantity > 0 and sign > 0 and quantity * price + self.fee(quantity * price) > self.cash:
            quantity -= 1
        later = None
        if quantity > 0 and not (o["force"] == "fok" and quantity < wanted):
            later = self.trade(o, made, quantity, price, bar)
        else:
            quantity = F(0)
        if quantity < most:
            self.end(o, "cancelled")
        elif o["done"] == o["quantity"]:
            self.end(o, "filled")
        return later

    def fee(self, value: F) -> F:
        return round(value * self.commission, 4)

    def trade(self, o: dict[str, Any], made: dict[str, Any], quantity: F, price: F, bar: tuple[Any, ...]) -> Any:
        sign = 1 if o["side"] == "buy" else -1
        fee = self.fee(quantity * price)
        self.cash -= sign * quantity * price + fee
        self.held[o["symbol"]] = self.held.get(o["symbol"], F(0)) + sign * quantity
        o["done"] += quantity
        if self.room[o["symbol"]] is not None:
            self.room[o["symbol"]] -= quantity
        self.trades.append((o["id"], o["side"], quantity, price, fee))
        return self.protect(o, made, quantity, bar) if o["type"] == "bracket" else None

    def protect(self, o: dict[str, Any], made: dict[str, Any], quantity: F, bar: tuple[Any, ...]) -> Any:
        """The exit of a bracket: it sells (brackets here only buy), at the target or the stop.

        One that closed while its entry was still being filled is followed by another: named after the entry's trade.
        """
        known = [w for w in self.open if w["id"].startswith(o["id"] + "/exit")]
        entered = sum(trade[0] == o["id"] for trade in self.trades)
        name = o["id"] + "/exit" + (str(entered) if entered > 1 else "")
        if known:
            known[0]["quantity"] += quantity
            out = known[0]
        else:
            kind = "oco" if "take" in o and "loss" in o else "limit" if "take" in o else "stop"
            prices = {k: o[v] for k, v in (("limit", "take"), ("stop", "loss")) if v in o}
            self.submit(id=name, symbol=o["symbol"], side="sell", type=kind, quantity=quantity, force="gtc", **prices)
            out = self.open[-1]
            out["new"] = made["when"] == 3
        if made["when"] == 3:
            return None
        if made["when"] == 0:
            again = self.chance(out, bar)
            return None if again is None else (out, again)
        low, close = F(bar[2]), F(bar[3])
        if "loss" in o and low <= F(o["loss"]):
            return out, {"when": 2, "rank": STOP, "price": F(o["loss"]), "limit": None, "maker": False}
        if "take" in o and close >= F(o["take"]):
            return out, {"when": 2, "rank": LIMIT, "price": F(o["take"]), "limit": F(o["take"]), "maker": True}
        return None

    def after(self, o: dict[str, Any], bar: tuple[Any, ...] | None) -> None:
        """The end of the bar, which is the end of its session."""
        if o["new"]:  # placed at the close: what the bar did before does not count for it
            o["new"] = False
        elif bar is not None:
            high, low = F(bar[1]), F(bar[2])
            if o["type"] == "trailing_stop":
                o["hit"] = o["hit"] or self.chance(o, bar) is not None
                seen = [low if o["side"] == "buy" else high, F(bar[0])] + ([] if o["best"] is None else [o["best"]])
                o["best"] = min(seen) if o["side"] == "buy" else max(seen)
            elif "stop" in o and not o["hit"]:
                o["hit"] = high >= F(o["stop"]) if o["side"] == "buy" else low <= F(o["stop"])
        if o["force"] in ("ioc", "fok"):
            self.end(o, "cancelled")
        elif o["force"] != "gtc":
            self.end(o, "expired")

    def end(self, o: dict[str, Any], how: str) -> None:
        self.open.remove(o)
        self.ends[o["id"]] = how
