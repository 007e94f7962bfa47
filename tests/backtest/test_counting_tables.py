"""Counting tables: weights, orders and signals worked out beforehand are trials, told apart by what is in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import counting
from aura_lib.core import Bars, InputError, Mandate
from aura_lib.exchange import Costs
from aura_lib.ledger import SYSTEM, Ledger
from tests.backtest.scenarios import market_of


@pytest.fixture
def bars(rng: np.random.Generator) -> Bars:
    return market_of(rng, 60, 3)


def table(bars: Bars, share: float = 0.2) -> pd.DataFrame:
    return pd.DataFrame(share, bars.times[5:50:9], list(bars.symbols))


def entries() -> list[Any]:
    with Ledger.open() as ledger:
        return [entry.body for entry in ledger.journal.entries(SYSTEM, kinds=("trial",))]


def test_a_table_of_weights_is_one_trial_however_often_it_is_played(bars: Bars) -> None:
    mandate = Mandate(bars.symbols)
    book = backtest.from_weights(table(bars), bars, mandate)
    backtest.from_weights(table(bars)[list(bars.symbols)[::-1]], bars, mandate)
    backtest.from_weights(table(bars), bars, mandate, progress=lambda done, total: None)
    (body,) = entries()
    assert (body["outcome"], body["done"], body["total"]) == ("completed", 5, 5)
    assert body["sharpe"] == pytest.approx(book.returns.mean() / book.returns.std(), rel=1e-9)
    found = backtest.trials(backtest.from_weights)
    assert found.count == 1 and found.paths is not None


def test_another_number_window_cost_or_door_is_another_trial(bars: Bars) -> None:
    mandate = Mandate(bars.symbols)
    backtest.from_weights(table(bars), bars, mandate)
    backtest.from_weights(table(bars, 0.21), bars, mandate)
    backtest.from_weights(table(bars).iloc[:-1], bars, mandate)
    backtest.from_weights(table(bars), bars, mandate, costs=Costs(slippage_bps=Decimal(9)))
    backtest.from_weights(table(bars), bars.until(bars.times[55].to_pydatetime()), mandate)
    backtest.from_weights(table(bars), bars, mandate, delay=1)
    backtest.from_orders(table(bars, 3.0), bars, mandate)
    enter = table(bars) > 0
    backtest.from_signals(enter, ~enter, bars, mandate, weight=0.1)
    backtest.from_signals(enter, ~enter, bars, mandate, weight=0.2)
    assert len({body["code"] for body in entries()}) == 6 and len(entries()) == 9


def test_a_table_that_is_refused_tried_nothing_and_a_check_counts_nothing(bars: Bars) -> None:
    with pytest.raises(InputError):
        backtest.from_weights(table(bars).tz_localize(None), bars, Mandate(bars.symbols))
    with counting.uncounted():
        backtest.from_weights(table(bars), bars, Mandate(bars.symbols))
    assert backtest.trials(backtest.from_weights).count == 0


def test_a_table_that_was_stopped_on_its_way_was_tried(bars: Bars) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backtest.from_weights(table(bars), bars, Mandate(bars.symbols), progress=stop)
    assert [(body["outcome"], body["done"]) for body in entries()] == [("interrupted", 2)]


def test_a_table_belongs_to_the_notebook_it_was_played_in(
    bars: Bars, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(counting.SESSION, str(tmp_path / "idea.ipynb"))
    backtest.from_weights(table(bars), bars, Mandate(bars.symbols))
    assert backtest.trials("idea.ipynb").count == 1
