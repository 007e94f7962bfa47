"""Splits and dividends on the way: which of them are due before a bar is matched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.core import Bars, InputError
from aura_lib.plan import decimal_price

if TYPE_CHECKING:
    from aura_lib.backtest.prices import Prices
    from aura_lib.exchange import Event, Exchange

COLUMNS = ("time", "symbol", "dividend", "split")
CENT = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Action:
    """A dividend (an amount a unit) or a split (new units for an old one), due before bar `row` is matched."""

    row: int
    symbol: str
    dividend: Decimal | None
    split: Decimal | None


def actions_of(actions: Any, bars: Bars) -> tuple[Action, ...]:
    """A table of corporate actions (columns time, symbol, dividend, split) by the bar each falls on.

    An action belongs to the first bar that closes at its time or later; one after the last bar plays no part, nor
    does one of a symbol the bars do not have. Bars that are adjusted for something would count it twice: InputError.
    """
    if actions is None or not len(actions):
        return ()
    if not isinstance(actions, pd.DataFrame) or missing_from(actions):
        raise InputError(f"actions must be a frame with the columns {', '.join(COLUMNS)}")
    adjusted = [w for w in ("splits", "dividends") if w in bars.adjustment]
    for word, column in (("splits", "split"), ("dividends", "dividend")):
        if word in adjusted and actions[column].notna().any():
            raise InputError(
                f"these bars ({bars.source}) are adjusted for {bars.adjustment}: {word} are in their prices already. "
                "Load them unadjusted, or leave these actions out"
            )
    rows = bars.times.searchsorted(pd.DatetimeIndex(actions["time"]).tz_convert("UTC").as_unit("us"), side="left")
    found = [
        Action(int(row), symbol, _number(dividend), _number(split))
        for row, symbol, dividend, split in zip(
            rows, actions["symbol"], actions["dividend"], actions["split"], strict=True
        )
        if row < len(bars) and symbol in bars.instruments
    ]
    return tuple(sorted(found, key=lambda action: action.row))


def missing_from(actions: pd.DataFrame) -> list[str]:
    """The columns that a table of actions should have and does not."""
    return [name for name in COLUMNS if name not in actions.columns]


def _number(value: float) -> Decimal | None:
    return None if pd.isna(value) else decimal_price(value)


def play(action: Action, exchange: Exchange, prices: Prices, time: Any) -> Iterator[Event]:
    """Book one action; a dividend comes before a split of the same day: it was declared on the old units."""
    if action.dividend:
        yield from exchange.dividend(action.symbol, action.dividend, time)
    if action.split:
        last = prices.closes(action.row - 1).get(action.symbol) if action.row else None
        price = None if last is None else max((last / action.split).quantize(CENT), CENT)
        yield from exchange.split(action.symbol, action.split, time, price)
