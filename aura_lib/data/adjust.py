"""Prices as they traded, corrected for what was paid out and split since: back-adjustment."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Bars, Calendar, DataError, InputError

__all__ = ["Kind", "adjusted"]

Kind = Literal["splits and dividends", "splits"]
NAMED = 5  # bad actions in a message
Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


def adjusted(raw: Bars, actions: pd.DataFrame, kind: Kind = "splits and dividends") -> Bars:
    """The bars with the price jumps of splits and dividends taken out; the newest prices stay what they are.

    A split of s new shares for an old one divides the prices of the sessions before it by s and multiplies their
    volumes by s. A dividend d multiplies the prices of the sessions before it by 1 − d / c, where c is the last close
    before; volumes stay. Where both come on one day, the split comes first: d is paid on a new share, and c is divided
    by s. An action counts from the open of its session on. One that no bar has reached yet changes nothing, so that
    bars cut at a moment are adjusted with what was known then.

    Args:
        raw: as they traded (`adjustment` is ""), minutes to days.
        actions: columns time (close of the first session with it, UTC), symbol, dividend (per share, as paid on that
            day; 0: none), split (new shares for one old; 0: none); one row a time and symbol, in any order.
        kind: "splits" leaves the dividends in the prices.

    Returns:
        Bars whose `adjustment` is `kind`. NaN stays NaN.

    Raises:
        InputError: the bars are adjusted already or weekly, or `kind` is none of the two.
        DataError: an action that cannot be: negative, NaN, twice, of a symbol that the bars do not have, or a dividend
            that is no less than the price.

    Source: Yahoo Finance Help, "What is the adjusted close?". (Others reinvest at the close of the ex-date, so that a
    dividend leaves c' / (c' + d): the same to first order.)
    """
    _adjustable(raw, kind)
    _sound(raw, actions)
    rows, columns, dividends, splits = _placed(raw, actions)
    shape = raw.close.shape
    shares = _since(shape, rows, columns, splits)
    prices = 1 / shares
    if kind == "splits and dividends" and dividends.any():
        prices *= _since(shape, rows, columns, _kept_of(raw, rows, columns, dividends, splits))
    return _scaled(raw, prices, shares, kind)


def _adjustable(raw: Bars, kind: str) -> None:
    if kind not in get_args(Kind):
        raise InputError(f"bars are adjusted for {' or for '.join(map(repr, get_args(Kind)))}, not for {kind!r}")
    if raw.adjustment:
        raise InputError(f"these bars ({raw.source}) are adjusted for {raw.adjustment} already: give those as traded")
    if raw.frequency == "1w":
        raise InputError("a week has prices from before and after a split: adjust daily bars, then make weeks of them")


def _sound(raw: Bars, actions: pd.DataFrame) -> None:
    """Refuse actions that cannot be, by name."""
    lost = {"time", "symbol", "dividend", "split"} - set(actions.columns)
    if lost:
        raise DataError(f"a table of splits and dividends needs {', '.join(sorted(lost))}")
    amounts = actions[["dividend", "split"]].to_numpy(dtype="float64", na_value=np.nan)
    times = pd.DatetimeIndex(actions["time"])
    if len(actions) and times.tz is None:
        raise DataError("splits and dividends need times with a zone (the close of the first session with them)")
    wrong = {
        "no number": ~np.isfinite(amounts).all(axis=1) | times.isna(),
        "negative": (amounts < 0).any(axis=1),
        f"of no symbol among {', '.join(raw.symbols[:NAMED])}": ~actions["symbol"].isin(raw.symbols).to_numpy(),
        "there twice": actions.duplicated(["time", "symbol"], keep=False).to_numpy(),
    }
    for what, where in wrong.items():
        _refuse(raw, actions, where, what)


def _refuse(raw: Bars, actions: pd.DataFrame, where: npt.NDArray[np.bool_], what: str) -> None:
    if where.any():
        told = "; ".join(_told(row) for _, row in actions[where].head(NAMED).iterrows())
        raise DataError(f"{raw.source}: {int(where.sum())} split(s) or dividend(s) that are {what}: {told}")


def _told(row: pd.Series[Any]) -> str:
    return f"{row['symbol']} {row['time']:%Y-%m-%d}: dividend {row['dividend']}, split {row['split']}"


def _placed(raw: Bars, actions: pd.DataFrame) -> tuple[Places, Places, Values, Values]:
    """First row with the action, column, dividend, and split (1: none) of what changes a bar."""
    calendar = Calendar.of(raw.calendar)
    times = pd.DatetimeIndex(actions["time"]).as_unit("us")
    session = calendar.closes.searchsorted(times, side="left")
    known = session < len(calendar.closes)
    first = np.full(len(actions), len(raw))
    first[known] = raw.times.searchsorted(calendar.opens[session[known]], side="right")
    felt = (first > 0) & (first < len(raw))
    columns = raw.close.columns.get_indexer(pd.Index(actions["symbol"]))[felt]
    dividend = actions["dividend"].to_numpy(dtype="float64")[felt]
    split = actions["split"].to_numpy(dtype="float64")[felt]
    return first[felt], columns, dividend, np.where(split > 0, split, 1.0)


def _since(shape: tuple[int, int], rows: Places, columns: Places, factors: Values) -> Values:
    """Product of the factors of the later rows, time × symbol."""
    product = np.ones(shape)
    np.multiply.at(product, (rows - 1, columns), factors)
    for column in np.unique(columns):
        product[:, column] = product[::-1, column].cumprod()[::-1]
    return product


def _kept_of(raw: Bars, rows: Places, columns: Places, dividends: Values, splits: Values) -> Values:
    """What part of the price a dividend leaves; 1 where there was no price before it."""
    before = raw.close.ffill().to_numpy()[rows - 1, columns]
    kept: Values = np.where(np.isnan(before), 1.0, 1 - dividends * splits / before)
    if (kept <= 0).any():
        paid = pd.DataFrame({"symbol": raw.close.columns[columns], "time": raw.times[rows], "dividend": dividends})
        _refuse(raw, paid.assign(split=splits), kept <= 0, "no less than the last close before")
    return kept


def _scaled(raw: Bars, prices: Values, shares: Values, kind: str) -> Bars:
    def times(name: str) -> pd.DataFrame:
        return raw.fields[name] * (shares if name == "volume" else prices)

    changed: Callable[..., Bars] = raw._view  # positive and finite before, positive and finite after: no second check
    return changed(fields=MappingProxyType({name: times(name) for name in raw.fields}), adjustment=kind, snapshot="")
