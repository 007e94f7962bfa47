"""What changed between two versions is told, bar by bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from aura_lib.core import Bars, Calendar, InputError, Instrument
from aura_lib.data.store import Store, diff
from tests.data.store_cases import Step, apply, steps
from tests.data.store_model import FIELDS, Model, State

CLOSES = Calendar.of("XNYS").closes[9000:]


def made(rows: int = 20, symbols: str = "AB") -> Bars:
    rng = np.random.default_rng(1)
    close = pd.DataFrame(rng.uniform(50, 100, (20, len(symbols))), CLOSES[:20], list(symbols)).iloc[:rows]
    return Bars({"close": close, "volume": (close * 100).round()}, source="test")


def test_a_revised_close_and_a_late_split_are_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    split = pd.DataFrame({"time": [CLOSES[10]], "symbol": ["A"], "dividend": [0.0], "split": [2.0]})
    old = store.put(made(19)).snapshot
    close = made().close.copy()
    close.loc[CLOSES[4], "B"] *= 1.01
    new = store.put(Bars({"close": close, "volume": made().volume}, source="test"), split).snapshot
    found = diff(store, old, new)
    assert (found.added, found.removed, found.instruments) == ((), (), {})
    assert found.added_bars.to_dict("records") == [
        {"symbol": s, "bars": 1, "first": CLOSES[19], "last": CLOSES[19]} for s in "AB"
    ]
    (revised,) = found.revised.to_dict("records")
    assert (revised["symbol"], revised["time"], revised["field"]) == ("B", CLOSES[4], "close")
    assert (revised["old"], revised["new"]) == (made().close.loc[CLOSES[4], "B"], close.loc[CLOSES[4], "B"])
    assert revised["change"] == pytest.approx(0.01)
    assert found.actions[["what", "symbol", "new_split"]].iloc[0].tolist() == ["added", "A", 2.0]
    assert found.table().set_index("symbol").loc["B", ["added", "revised", "actions"]].tolist() == [1, 1, 0]
    for said in ("values revised: 1 of 1", "+1.0000%", "action added: A", "bars added: 2 of 2"):
        assert said in str(found)


def test_a_symbol_that_came_one_that_went_and_one_that_is_another_now(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = store.put(made(symbols="AB")).snapshot
    bars = made(symbols="AC")
    euro = Bars({"close": made().close[["A"]].assign(C=1.0), "volume": made().volume[["A"]].assign(C=1.0)}, "test",
                instruments={"A": Instrument("A", currency="EUR")})  # fmt: skip
    found = diff(store, old, store.put(euro).snapshot)
    assert (found.added, found.removed) == (("C",), ("B",))
    assert found.added_bars["bars"].tolist() == found.removed_bars["bars"].tolist() == [len(bars)]
    assert found.instruments["A"][1].currency == "EUR"
    assert not found.empty
    assert "instruments changed: 1 (A)" in str(found)


def test_a_version_is_not_different_from_itself(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    found = diff(store, snapshot, snapshot)
    assert found.empty
    assert "no difference" in str(found)
    assert len(found.table()) == 0
    with pytest.raises(InputError, match="no snapshot"):
        diff(store, snapshot, "0" * 24)


def test_what_is_told_of_many_fits_a_screen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = [f"S{i:03d}" for i in range(200)]
    close = pd.DataFrame(np.arange(1.0, 4001.0).reshape(20, 200), CLOSES[:20], names)
    old = store.put(Bars({"close": close}, source="test")).snapshot
    new = store.put(Bars({"close": close * 2}, source="test")).snapshot
    text = str(diff(store, old, new))
    assert len(text.splitlines()) < 30
    assert max(map(len, text.splitlines())) < 130
    assert "values revised: 4,000 of 200 symbol(s)" in text


@settings(max_examples=30)
@given(done=steps)
def test_every_difference_between_any_two_versions_is_told_once(
    done: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, model = Store(tmp_path_factory.mktemp("home")), Model()
    made = [pair for step in done if (pair := apply(step, store, model)) is not None]
    if not made:
        return
    (old, before), (new, after) = made[0], made[-1]
    found = diff(store, old, new)
    assert _keys(found.revised, "symbol", "time", "field") == _revised(before, after)
    for table, more, less in ((found.added_bars, after, before), (found.removed_bars, before, after)):
        counted = {s: len(rows.keys() - less.rows.get(s, {}).keys()) for s, rows in more.rows.items()}
        assert dict(zip(table["symbol"], table["bars"], strict=True)) == {s: n for s, n in counted.items() if n}
    assert len(found.actions) == len(dict(before.actions.items() ^ after.actions.items()))


def _keys(table: pd.DataFrame, *names: str) -> set[tuple[object, ...]]:
    rows = [tuple(row) for row in table[list(names)].itertuples(index=False)]
    assert len(rows) == len(set(rows))
    return set(rows)


def _revised(before: State, after: State) -> set[tuple[object, ...]]:
    found = set()
    for symbol in before.rows.keys() & after.rows.keys():
        for time in before.rows[symbol].keys() & after.rows[symbol].keys():
            for name, old, new in zip(FIELDS, before.rows[symbol][time], after.rows[symbol][time], strict=True):
                if old != new:
                    found.add((symbol, pd.Timestamp(time, unit="us", tz="UTC"), name))
    return found
