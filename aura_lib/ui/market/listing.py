"""Listing: a symbol that can be looked at, and finding it by symbol or name in all sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aura_lib import data

FOUND = 12  # of a search


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol of a source. `key` names it on the page, in its address and in watchlists: `AAPL@sample:ohlcv`."""

    symbol: str
    source: str
    name: str = ""
    exchange: str = ""
    asset_class: str = "equity"
    currency: str = "USD"

    @property
    def key(self) -> str:
        """What names it on the page."""
        return f"{self.symbol}@{self.source}"

    @property
    def money(self) -> str:
        """What its prices are in; nothing for an index, which is counted in points."""
        return "" if self.asset_class == "index" else self.currency

    @property
    def told(self) -> str:
        """Where it is from, beside its symbol: exchange, currency, source."""
        plain = self.source.partition(":")[0] if self.source.startswith("synthetic") else self.source
        return " · ".join(part for part in (self.exchange, self.currency, plain) if part)


def listed(source: str) -> dict[str, Listing]:
    """Every symbol that a source lists, or gave last."""
    table = data.universe(source).table()
    return {row["symbol"]: _listing(row, source) for row in table.to_dict("records")}


def _listing(row: Mapping[Any, Any], source: str) -> Listing:
    told = {name: _text(row.get(name)) for name in ("symbol", "name", "exchange", "asset_class", "currency")}
    return Listing(source=source, **{name: value for name, value in told.items() if value})


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None or value != value else str(value)


def found(text: str, listings: Iterable[Listing], most: int = FOUND) -> list[Listing]:
    """Those whose symbol or name holds the text; the symbol itself first, then what begins with it."""
    wanted = text.strip().casefold()
    if not wanted:
        return []
    ranked = [(rank, number, one) for number, one in enumerate(listings) if (rank := _rank(wanted, one)) is not None]
    return [one for _, _, one in sorted(ranked, key=lambda each: each[:2])][:most]


def _rank(wanted: str, one: Listing) -> int | None:
    symbol, name = one.symbol.casefold(), one.name.casefold()
    checks = (
        wanted in (symbol, one.key.casefold()), symbol.startswith(wanted), name.startswith(wanted),
        f" {wanted}" in name, wanted in symbol, wanted in name,
    )  # fmt: skip
    return next((rank for rank, holds in enumerate(checks) if holds), None)
