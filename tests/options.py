"""A made-up market of one share and four of its options, and packages of them, for tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from aura_lib.core import AssetClass, Bars, Calendar, Instrument, Leg, Right, Side

EXPIRY = date(2021, 1, 22)  # session 13 of those that begin on 2021-01-04
STRIKES = {"AAA210122P00090000": 90, "AAA210122P00095000": 95, "AAA210122C00105000": 105, "AAA210122C00110000": 110}
SHARE = Instrument("AAA")


def option(symbol: str, expiry: date = EXPIRY) -> Instrument:
    """An option on AAA, by its symbol."""
    right = Right.CALL if symbol[-9] == "C" else Right.PUT
    return Instrument(
        symbol, AssetClass.OPTION, multiplier=Decimal(100), underlying="AAA", expiry=expiry,
        strike=Decimal(int(symbol[-8:])) / 1000, right=right,
    )  # fmt: skip


P90, P95, C105, C110 = (option(symbol) for symbol in STRIKES)
CONTRACTS = (P90, P95, C105, C110)


def legs(*told: tuple[Instrument, str] | tuple[Instrument, str, int]) -> tuple[Leg, ...]:
    """Legs as (contract, "buy" or "sell"[, ratio])."""
    return tuple(Leg(leg[0], Side(leg[1]), *leg[2:]) for leg in told)


DEBIT = legs((C105, "buy"), (C110, "sell"))  # a bull call spread: paid, and worth 5 at most
CREDIT = legs((P95, "sell"), (P90, "buy"))  # a bull put spread: received, and costs 5 at most
CONDOR = legs((P90, "buy"), (P95, "sell"), (C105, "sell"), (C110, "buy"))


def option_bars(sessions: int = 30, spot: float = 100.0) -> Bars:
    """A share that walks around a price, and its options at what they are worth to a trader in a hurry.

    An option costs what it would bring now and a time value that shrinks with distance and to nothing at its expiry.
    """
    closes = Calendar.of("XNYS").closes
    first = int(closes.searchsorted(pd.Timestamp("2021-01-04", tz="UTC")))
    times = closes[first : first + sessions]
    steps = np.random.default_rng(11).normal(0, 0.006, sessions)
    prices = {"AAA": np.round(spot * np.exp(steps.cumsum()), 2)}
    for contract in CONTRACTS:
        strike = float(contract.strike or 0)
        inside = prices["AAA"] - strike if contract.right is Right.CALL else strike - prices["AAA"]
        left = np.clip([(EXPIRY - t.date()).days for t in times], 0, None)
        value = np.maximum(inside, 0) + 2.5 * np.sqrt(left / 18) * np.exp(-np.abs(inside) / 8) + 0.05
        prices[contract.symbol] = np.where([t.date() <= EXPIRY for t in times], np.round(value, 2), np.nan)
    return Bars({"close": pd.DataFrame(prices, times)}, "made up", instruments={c.symbol: c for c in CONTRACTS})
