"""What is listed at the venue: shares, currencies of the crypto kind, and option contracts by their OCC name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from aura_lib.core import OCC, AssetClass, InputError, Instrument, Right, option_of

SMALLEST = Decimal("0.000000001")
SHARE_TICK = Decimal("0.0001")  # under a dollar; above it a cent, which the order desk checks


@dataclass(frozen=True, slots=True)
class Asset:
    """A listed symbol, with what may be done with it."""

    symbol: str
    name: str = ""
    exchange: str = "NASDAQ"
    tradable: bool = True
    fractionable: bool = True
    shortable: bool = True
    easy_to_borrow: bool = True
    active: bool = True

    @property
    def id(self) -> UUID:
        """The same for a symbol everywhere and always."""
        return asset_id(self.symbol)

    @property
    def crypto(self) -> bool:
        """Whether it trades around the clock."""
        return "/" in self.symbol

    @property
    def option(self) -> bool:
        """Whether it is an option contract."""
        return OCC.fullmatch(self.symbol) is not None

    @property
    def kind(self) -> str:
        """The class as the wire names it."""
        return "crypto" if self.crypto else "us_option" if self.option else "us_equity"

    @property
    def fractional(self) -> bool:
        """Whether parts of a unit can be traded."""
        return self.crypto or (self.fractionable and not self.option)

    @property
    def instrument(self) -> Instrument:
        """How the matching engine knows it."""
        return _instrument(self)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        words: dict[str, Any] = {
            "id": str(self.id),
            "class": self.kind,
            "exchange": "CRYPTO" if self.crypto else "" if self.option else self.exchange,
            "symbol": self.symbol,
            "name": self.name or self.symbol,
            "status": "active" if self.active else "inactive",
            "tradable": self.tradable and self.active,
            "marginable": not self.crypto and not self.option,
            "shortable": self.shortable and not self.crypto and not self.option,
            "easy_to_borrow": self.easy_to_borrow and not self.crypto and not self.option,
            "fractionable": self.fractional,
            "attributes": [],
        }
        if self.crypto:
            words |= {
                "min_order_size": str(SMALLEST),
                "min_trade_increment": str(SMALLEST),
                "price_increment": str(SMALLEST),
            }
        return words


@cache
def _instrument(asset: Asset) -> Instrument:
    if asset.option:
        return option_of(asset.symbol)
    lot = SMALLEST if asset.fractional else Decimal(1)
    if asset.crypto:
        return Instrument(asset.symbol, AssetClass.CRYPTO, lot=lot, tick=SMALLEST)
    return Instrument(asset.symbol, lot=lot, tick=SHARE_TICK)


def asset_id(symbol: str) -> UUID:
    """The id of a symbol."""
    return uuid5(NAMESPACE_URL, f"asset:{symbol}")


def occ(underlying: str, expiry: date, right: Right, strike: Decimal) -> str:
    """The OCC name of a contract."""
    return f"{underlying}{expiry:%y%m%d}{'C' if right is Right.CALL else 'P'}{int(strike * 1000):08d}"


def chain(underlying: str, price: Decimal, today: date, *, fridays: int = 6, strikes: int = 10) -> list[Instrument]:
    """The contracts listed on a share: the next Fridays, strikes around its price in steps of about 2.5 %."""
    step = next(
        s for s in (Decimal("0.5"), Decimal(1), Decimal("2.5"), Decimal(5), Decimal(10)) if s * 40 >= price or s == 10
    )
    middle = (price / step).to_integral_value() * step
    first = today + timedelta(days=(4 - today.weekday()) % 7)
    listed = []
    for week in range(fridays):
        expiry = first + timedelta(weeks=week)
        for n in range(-strikes, strikes + 1):
            if (strike := middle + n * step) > 0:
                listed += [option_of(occ(underlying, expiry, right, strike)) for right in Right]
    return listed


class Listing:
    """Symbols and ids of everything listed; option contracts are known by their name, as long as their share is."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._known: dict[str, Asset] = {asset.symbol: asset for asset in assets}
        self._ids = {str(asset.id): asset.symbol for asset in self._known.values()}
        self._flat = {s.replace("/", ""): s for s in self._known if "/" in s}

    def add(self, asset: Asset) -> None:
        """List an asset, or change one."""
        self._known[asset.symbol] = asset
        self._ids[str(asset.id)] = asset.symbol
        if asset.crypto:
            self._flat[asset.symbol.replace("/", "")] = asset.symbol

    def find(self, name: str) -> Asset | None:
        """By symbol (crypto pairs with or without their slash) or id."""
        symbol = self._ids.get(name) or self._flat.get(name) or name
        if symbol in self._known:
            return self._known[symbol]
        parts = OCC.fullmatch(symbol)
        if parts is None or parts[1] not in self._known:
            return None
        try:
            option_of(symbol)
        except InputError:
            return None
        self.add(Asset(symbol, f"{parts[1]} option", exchange="", fractionable=False, shortable=False))
        return self._known[symbol]

    @property
    def all(self) -> Mapping[str, Asset]:
        """Symbol → asset."""
        return self._known
