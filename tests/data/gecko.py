"""CoinGecko's protocol on loopback: coins, charts, markets, simple prices, exchange rates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.data.loopback import Answer, Query, Vendor

COINS = [
    {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"},
    {"id": "batcat", "symbol": "btc", "name": "batcat"},
    {"id": "ethereum", "symbol": "eth", "name": "Ethereum"},
    {"id": "pepe", "symbol": "pepe", "name": "Pepe"},
    {"id": "pepe-on-sol", "symbol": "pepe", "name": "Pepe on SOL"},
    {"id": "aave", "symbol": "aave", "name": "Aave"},
]
CURRENCIES = {"usd": 1.0, "eur": 0.8, "inr": 90.0}  # what a dollar is


class Gecko(Vendor):
    """Coins whose price in dollars is told by a function of the moment; the turnover of 24 hours is 1,000 coins."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self.first = {
            "bitcoin": now - timedelta(days=40),
            "ethereum": now - timedelta(days=20),
            "aave": now - timedelta(days=10),
        }
        self.silent: set[str] = set()  # coins without a price

    def price(self, coin: str, moment: datetime) -> float:
        days = (moment - self.first[coin]).total_seconds() / 86400
        return {"bitcoin": 90_000.0, "ethereum": 3_000.0, "aave": 200.0}[coin] + 10 * days

    def answer(self, path: str, query: Query) -> Answer:
        match path.strip("/").split("/"):
            case ["coins", "list"]:
                return 200, COINS
            case ["coins", "markets"]:
                return 200, [self._market(coin, query) for coin in query["ids"].split(",") if coin in self.first]
            case ["coins", coin, "market_chart"]:
                return self._chart(coin, query)
            case ["simple", "price"]:
                known = [coin for coin in query["ids"].split(",") if coin in self.first]
                return 200, {
                    coin: {"btc": self.price(coin, self.now) / self.price("bitcoin", self.now)} for coin in known
                }
            case ["exchange_rates"]:
                dollars = self.price("bitcoin", self.now)
                rates = {name: {"value": dollars * rate, "type": "fiat"} for name, rate in CURRENCIES.items()}
                return 200, {"rates": {"btc": {"value": 1.0, "type": "crypto"}, **rates}}
        return 404, {"error": "not found"}

    def _chart(self, coin: str, query: Query) -> Answer:
        if coin not in self.first:
            return 404, {"error": "coin not found"}
        if query["vs_currency"] not in CURRENCIES:
            return 422, {"error": "invalid vs_currency"}
        days = 10_000 if query["days"] == "max" else int(query["days"])
        step, late = (timedelta(days=1), 0) if query.get("interval") == "daily" else (timedelta(hours=1), 41)
        first = max(self.first[coin], self.now - timedelta(days=days))
        grid = datetime(2025, 1, 1, tzinfo=self.now.tzinfo)
        grid += -(-(first - grid) // step) * step
        moments = [grid + n * step + timedelta(seconds=late) for n in range((self.now - grid) // step + 1)]
        moments = [] if coin in self.silent else [*(m for m in moments if m <= self.now), self.now]
        rate = CURRENCIES[query["vs_currency"]]
        told = [(int(m.timestamp() * 1000), self.price(coin, m) * rate) for m in moments]
        return 200, {"prices": told, "market_caps": told, "total_volumes": [(t, price * 1000) for t, price in told]}

    def _market(self, coin: str, query: Query) -> dict[str, Any]:
        rate = CURRENCIES[query["vs_currency"]]
        price = self.price(coin, self.now) * rate
        told = {"id": coin, "symbol": "x", "name": coin, "current_price": price, "total_volume": price * 1000}
        day = {"high_24h": price, "low_24h": price - 10 * rate, "price_change_24h": 10 * rate}
        return {**told, **day, "last_updated": self.now.isoformat()}
