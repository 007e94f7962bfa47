"""What a backtest's books add up to: costs, attribution, and what is to be said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from aura_lib.backtest.curve import exchange_rate, rows_of
from aura_lib.core import Bars, InputError, iso

if TYPE_CHECKING:
    from aura_lib.backtest.result import Backtest

PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}


def borrow(result: Backtest) -> float:
    """What borrowing shares cost, in the mandate's currency: a positive number."""
    lent = [b for b in result.source.bookings if b.kind == "borrow"]
    row = rows_of({b.time for b in lent}, result.bars)
    own = result.mandate.currency
    rates = {b.currency: exchange_rate(result.bars, b.currency, own) for b in lent}
    return -sum(float(b.cash) * float(rates[b.currency][row[b.time]]) for b in lent)


def attribution(profit: pd.DataFrame, by: str) -> pd.DataFrame | pd.Series:
    """Profit summed over everything, or over each period."""
    if not by:
        return profit.sum().rename("profit")
    if by not in PERIODS:
        raise InputError(f"by={by!r}: a period out of {', '.join(PERIODS)}, or nothing for the whole")
    index = profit.index
    assert isinstance(index, pd.DatetimeIndex)
    return profit.groupby(index.tz_localize(None).to_period(PERIODS[by])).sum()


def expressible(result: Backtest) -> None:
    """Refuse what vectorbt's books do not know: anything booked besides trades, and a second currency."""
    foreign = {result.bars.instruments[s].currency for s in result.symbols} - {result.mandate.currency}
    if result.source.bookings or foreign or result.source.opening.holdings:
        what = f"trades in {', '.join(sorted(foreign))}" if foreign else "more booked in it than trades from cash"
        raise InputError(f"vectorbt cannot hold this backtest: it has {what}. Use .equity, .positions and the tables")


def over_the_window(prices: pd.Series, bars: Bars) -> pd.Series:
    """Prices at the bars' times, gaps filled with the last one before."""
    index = getattr(prices, "index", None)
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError("a benchmark is a Series of prices indexed by times with a zone")
    known = prices.dropna().sort_index()
    first, last = bars.times[0], bars.times[-1]
    if not len(known) or known.index[0] > first or known.index[-1] < last:
        span = f"{known.index[0]} to {known.index[-1]}" if len(known) else "nothing"
        raise InputError(f"the benchmark has prices for {span}; the backtest runs from {first} to {last}")
    return known.reindex(bars.times, method="ffill")


def notes(result: Backtest) -> str:
    """What a reader of the figures must know first."""
    told = ""
    if result.source.stopped is not None:
        told += f"; STOPPED at {iso(result.source.stopped)}"
    if result.source.bankrupt is not None:
        told += f"; BANKRUPT at {iso(result.source.bankrupt)}"
    if result.repeats:
        told += "; NOT DETERMINISTIC"
    return told
