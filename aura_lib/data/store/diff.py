"""What changed between two versions: new and vanished bars, revised prices, splits and dividends, instruments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Bars, Instrument
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.port import Keeper, Version

__all__ = ["Diff", "diff"]

BATCH = 50  # symbols compared at once
SHOWN = 10  # lines of a kind that a text shows

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Diff:
    """The way from one version to another.

    `added_bars` and `removed_bars` have a row a symbol: bars, first, last. `revised` has a row a changed value of a bar
    that both have: symbol, time, field, old, new, change (a fraction of the old; NaN where one of them is unknown).
    `actions` has the splits and dividends that are not the same: what (added, removed, changed), time, symbol and both
    values in each. `instruments` maps a symbol to how it was and is.
    """

    old: Version
    new: Version
    added: tuple[str, ...]
    removed: tuple[str, ...]
    added_bars: pd.DataFrame
    removed_bars: pd.DataFrame
    revised: pd.DataFrame
    actions: pd.DataFrame
    instruments: dict[str, tuple[Instrument, Instrument]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing that matters is different."""
        tables = (self.added_bars, self.removed_bars, self.revised, self.actions)
        return not (self.added or self.removed or self.instruments or any(map(len, tables)))

    def table(self) -> pd.DataFrame:
        """A row a symbol that is different: bars added and removed, values revised, the largest change, actions."""
        counts = {
            "added": self.added_bars.set_index("symbol")["bars"],
            "removed": self.removed_bars.set_index("symbol")["bars"],
            "revised": self.revised.groupby("symbol").size(),
            "largest_change": self.revised.assign(change=self.revised["change"].abs())
            .groupby("symbol")["change"]
            .max(),
            "actions": self.actions.groupby("symbol").size(),
        }
        symbols = sorted(
            {*self.added, *self.removed, *self.instruments, *(s for c in counts.values() for s in c.index)}
        )
        table = pd.DataFrame({name: count.reindex(symbols) for name, count in counts.items()}, index=symbols)
        table.index.name = "symbol"
        whole = ["added", "removed", "revised", "actions"]
        return table.fillna(dict.fromkeys(whole, 0)).astype(dict.fromkeys(whole, "int64")).reset_index()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        series = self.new.series
        yield f"{series.source} {series.frequency}: {self.old.snapshot} → {self.new.snapshot}"
        if self.empty:
            yield "  no difference"
        for name, symbols in (("new symbols", self.added), ("symbols gone", self.removed)):
            if symbols:
                yield f"  {name}: {_few(symbols)}"
        for name, bars in (("bars added", self.added_bars), ("bars gone", self.removed_bars)):
            if len(bars):
                when = f"{bars['first'].min():%Y-%m-%d %H:%M} to {bars['last'].max():%Y-%m-%d %H:%M} UTC"
                yield f"  {name}: {bars['bars'].sum():,} of {len(bars):,} symbol(s), {when}"
        yield from self._revisions()
        for row in self.actions.head(SHOWN).itertuples():
            values = ", ".join(
                f"{name} {getattr(row, f'old_{name}'):g} → {getattr(row, f'new_{name}'):g}"
                for name in ("dividend", "split")
            )
            yield f"  action {row.what}: {row.symbol} {row.time:%Y-%m-%d} {values}"
        if len(self.actions) > SHOWN:
            yield f"  … and {len(self.actions) - SHOWN:,} more actions"
        if self.instruments:
            yield f"  instruments changed: {_few(tuple(self.instruments))}"

    def _revisions(self) -> Iterator[str]:
        if not len(self.revised):
            return
        yield f"  values revised: {len(self.revised):,} of {self.revised['symbol'].nunique():,} symbol(s); the largest:"
        order = self.revised["change"].abs().sort_values(ascending=False, na_position="first").index[:SHOWN]
        worst = self.revised.loc[order]
        for symbol, when, name, old, new, change in worst.itertuples(index=False, name=None):
            moved = "" if np.isnan(change) else f"  {change:+.4%}"
            yield f"    {symbol:<10} {when:%Y-%m-%d %H:%M}  {name:<6} {old:g} → {new:g}{moved}"


def diff(keeper: Keeper, old: str, new: str) -> Diff:
    """What is different in a version against another; symbols that are the same are not read where the store knows.

    Args:
        keeper: the store of both.
        old: id of the earlier snapshot.
        new: id of the later one.

    Raises:
        InputError: an id that the store does not know.
        DataError: a version is damaged.
    """
    before, after = keeper.version(old), keeper.version(new)
    both = sorted(before.held.keys() & after.held.keys())
    added, removed = sorted(after.held.keys() - before.held.keys()), sorted(before.held.keys() - after.held.keys())
    parts = [_compared(keeper, old, new, batch) for batch in _batches(_unlike(keeper, old, new, both))]
    came = [*(part[0] for part in parts), _whole(after, added)]
    went = [*(part[1] for part in parts), _whole(before, removed)]
    instruments = {
        s: (before.held[s].instrument, after.held[s].instrument)
        for s in both
        if before.held[s].instrument != after.held[s].instrument
    }
    return Diff(
        before,
        after,
        tuple(added),
        tuple(removed),
        _joined(came, COUNTED),
        _joined(went, COUNTED),
        _joined([part[2] for part in parts], REVISED),
        _actions(keeper.actions(old), keeper.actions(new)),
        instruments,
    )


COUNTED = {"symbol": "str", "bars": "int64", "first": "datetime64[us, UTC]", "last": "datetime64[us, UTC]"}
REVISED = {
    "symbol": "str", "time": "datetime64[us, UTC]", "field": "str", "old": "float64", "new": "float64",
    "change": "float64",
}  # fmt: skip
CHANGED = {
    "what": "str", "time": "datetime64[us, UTC]", "symbol": "str", "old_dividend": "float64", "old_split": "float64",
    "new_dividend": "float64", "new_split": "float64",
}  # fmt: skip


def _joined(frames: Sequence[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in columns.items()})
    return (
        pd.concat(filled, ignore_index=True).astype(columns).sort_values(["symbol", *_time(columns)], ignore_index=True)
    )


def _time(columns: dict[str, str]) -> list[str]:
    return [name for name in ("time", "field") if name in columns]


def _unlike(keeper: Keeper, old: str, new: str, symbols: list[str]) -> list[str]:
    """The symbols whose bars may be different: the store may know by their hashes."""
    leaves = getattr(keeper, "leaves", None)
    if leaves is None:
        return symbols
    before, after = leaves(old), leaves(new)
    return [symbol for symbol in symbols if before[symbol] != after[symbol]]


def _batches(symbols: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(symbols), BATCH):
        yield symbols[first : first + BATCH]


def _compared(
    keeper: Keeper, old: str, new: str, symbols: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Bars that came, bars that went, values that are different."""
    before, after = keeper.get(old, symbols), keeper.get(new, symbols)
    times = before.times.union(after.times)
    names = [name for name in FIELDS if name in before.fields or name in after.fields]
    was, now = ({name: _values(bars, name, times) for name in names} for bars in (before, after))
    had = np.logical_or.reduce([~np.isnan(values) for values in was.values()])
    has = np.logical_or.reduce([~np.isnan(values) for values in now.values()])
    revised = [_revised(symbols, times, name, was[name], now[name], had & has) for name in names]
    return _counted(symbols, times, has & ~had), _counted(symbols, times, had & ~has), pd.concat(revised)


def _values(bars: Bars, name: str, times: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    if name not in bars.fields:
        return np.full((len(times), len(bars.symbols)), np.nan)
    return bars.fields[name].reindex(times).to_numpy()


def _counted(symbols: list[str], times: pd.DatetimeIndex, which: Flags) -> pd.DataFrame:
    rows = []
    for column in np.flatnonzero(which.any(axis=0)):
        places = np.flatnonzero(which[:, column])
        rows.append((symbols[column], len(places), times[places[0]], times[places[-1]]))
    return pd.DataFrame(rows, columns=list(COUNTED))


def _whole(version: Version, symbols: list[str]) -> pd.DataFrame:
    held = [(symbol, version.held[symbol]) for symbol in symbols]
    rows = [(symbol, h.rows, pd.Timestamp(h.first), pd.Timestamp(h.last)) for symbol, h in held if h.rows]
    return pd.DataFrame(rows, columns=list(COUNTED))


def _revised(
    symbols: list[str],
    times: pd.DatetimeIndex,
    name: str,
    was: npt.NDArray[np.float64],
    now: npt.NDArray[np.float64],
    both: Flags,
) -> pd.DataFrame:
    other = both & (was != now) & ~(np.isnan(was) & np.isnan(now))
    rows, columns = np.nonzero(other)
    old, new = was[rows, columns], now[rows, columns]
    with np.errstate(over="ignore"):
        change = np.divide(new - old, old, out=np.full(len(old), np.nan), where=old != 0)
    named = np.array(symbols, object)[columns]
    return pd.DataFrame({"symbol": named, "time": times[rows], "field": name, "old": old, "new": new, "change": change})


def _actions(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    keys = ["time", "symbol"]
    both = old.merge(new, on=keys, how="outer", suffixes=("_old", "_new"), indicator=True)
    both["what"] = both["_merge"].astype("str").map({"left_only": "removed", "right_only": "added", "both": "changed"})
    found = both.rename(
        columns={f"{n}_{side}": f"{side}_{n}" for n in ("dividend", "split") for side in ("old", "new")}
    )
    same = found["what"] == "changed"
    for name in ("dividend", "split"):
        left, right = found[f"old_{name}"], found[f"new_{name}"]
        same &= (left == right) | (left.isna() & right.isna())
    return _joined([found.loc[~same, list(CHANGED)]], CHANGED)


def _few(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else ""
    return f"{len(symbols)} ({', '.join(symbols[:SHOWN])}{more})"
