"""The sweep against vectorbt, against a plain loop, and against itself in other pieces."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.backtest import folds as fold
from aura_lib.backtest.sweep import Job, evaluate, rules, sweep
from aura_lib.backtest.sweep.chunk import path, threads
from tests.backtest.sweep_cases import ALL, COSTLY, FEES, long_short, random_bars, trailing
from tests.oracle import oracle_sweep as plain

CLOSE = {"fill": "same close", "costs": FEES, "metrics": ALL, "count": False}


def test_a_crossover_sweep_is_what_vectorbt_makes_of_the_same_signals(rng):
    import vectorbt as vbt

    bars = random_bars(rng, 1500)
    windows = list(range(4, 100, 9))
    found = sweep(rules.sma_crossover, bars, {"fast": windows, "slow": windows}, where="fast < slow", **CLOSE).table()
    close = bars.close["S0"]
    means = {w: close.rolling(w).mean() for w in windows}
    long = pd.concat([means[f] > means[s] for f, s in found[["fast", "slow"]].itertuples(index=False)], axis=1)
    theirs = vbt.Portfolio.from_signals(
        pd.concat([close] * long.shape[1], axis=1, keys=range(long.shape[1])),
        long.to_numpy(), ~long.to_numpy(), fees=0.001, freq="1D", engine="rust",
    )  # fmt: skip
    assert len(found) == len(windows) * (len(windows) - 1) // 2
    np.testing.assert_allclose(found["total_return"], theirs.total_return(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["max_drawdown"], theirs.max_drawdown(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["sharpe"], theirs.sharpe_ratio() * math.sqrt(252 / 365), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("rule", "row", "fill"),
    [
        (rules.sma_crossover, [3, 10], "next open"),
        (long_short, [0.7, 10], "same close"),
        (long_short, [1.0, 10], "next close"),
        (long_short, [0.4, 10], "next open"),
        (trailing, [0.05], "next close"),
    ],
)
def test_any_weight_at_any_fill_is_what_vectorbt_makes_of_target_percents(rng, rule, row, fill):
    import vectorbt as vbt

    bars = random_bars(rng, 500)
    job = Job.of(rule, bars, costs=COSTLY, fill=fill, metrics=ALL)
    ours, one = evaluate(job, np.array([row]))[0, 0], path(job, np.array(row))
    wanted = one.wanted[:, 0]
    target = np.where(wanted != np.concatenate(([0.0], wanted[:-1])), wanted, np.nan)
    if fill != "same close":
        target = np.concatenate(([np.nan], target[:-1]))
    price = (bars.open if fill == "next open" else bars.close)["S0"]
    theirs = vbt.Portfolio.from_orders(
        bars.close["S0"], size=target, size_type="targetpercent", price=price, val_price=price, fees=0.001,
        slippage=0.0005, init_cash=1.0, freq="1D", engine="rust",
    )  # fmt: skip
    np.testing.assert_allclose(one.equity, theirs.value(), rtol=1e-10)
    expected = plain.figures(theirs.returns().tolist(), 252) | {"orders": len(theirs.orders.records)}
    for name, value in expected.items():
        assert ours[ALL.index(name)] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def _slowly(bars, size, window, fill, fee, slippage):
    """`long_short` in plain Python."""
    closes = [bars.close[s].tolist() for s in bars.symbols]
    prices = [(bars.open if fill == "next open" else bars.close)[s].tolist() for s in bars.symbols]
    live = [[not math.isnan(c) for c in column] for column in closes]
    wanted = []
    for column in closes:
        means, wish, wishes = plain.means(column, window), 0.0, []
        for close, mean in zip(column, means, strict=True):
            if not math.isnan(close):
                wish = size if mean is not None and close > mean else -size
            wishes.append(wish)
        wanted.append(wishes)
    return plain.portfolio(wanted, prices, closes, live, fill != "same close", fee, slippage)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    symbols=st.sampled_from([2, 3]),
    size=st.sampled_from([0.25, 1.0, 2.5]),
    window=st.integers(2, 40),
)
def test_random_rules_on_random_bars_are_what_a_plain_loop_makes_of_them(seed, symbols, size, window):
    bars = random_bars(np.random.default_rng(seed), 120, symbols, holes=0.1)
    job = Job.of(long_short, bars, costs=COSTLY, metrics=ALL)
    ours = dict(zip(ALL, evaluate(job, np.array([[size, window]]))[0, 0], strict=True))
    equity, orders = _slowly(bars, size, window, "next close", 0.001, 0.0005)
    np.testing.assert_allclose(path(job, np.array([size, window])).equity, equity, rtol=1e-9, atol=1e-12)
    expected = plain.figures(plain.returns_of(equity), 252) | {"orders": orders}
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, rel=1e-8, abs=1e-9, nan_ok=True), name


def test_turnover_and_exposure_are_those_of_the_path(rng):
    for rule, row, symbols in ((rules.sma_crossover, [3, 9], 1), (long_short, [0.5, 9], 2)):
        bars = random_bars(rng, 300, symbols, holes=0.05 * (symbols > 1))
        job = Job.of(rule, bars, costs=COSTLY, metrics=ALL)
        ours, one = evaluate(job, np.array([row]))[0, 0], path(job, np.array(row))
        before = np.concatenate(([1.0], one.equity[:-1]))
        turned, held = np.abs(one.traded).sum(axis=1) / before, np.abs(one.held).sum(axis=1) / one.equity
        assert ours[ALL.index("turnover")] == pytest.approx(turned.mean() * 252, rel=1e-9)
        assert ours[ALL.index("exposure")] == pytest.approx(held.mean(), rel=1e-9)


@pytest.mark.parametrize("how", ["walking", "combinatorial"])
def test_metrics_of_a_fold_are_those_of_the_returns_cut_to_its_rows(rng, how):
    bars = random_bars(rng, 400)
    parts = (
        fold.walk_forward(400, train=120, test=50, purge=3)
        if how == "walking"
        else fold.combinatorial(400, groups=5, test_groups=2, purge=2, embargo=3)
    )
    job = Job.of(rules.sma_crossover, bars, costs=COSTLY, folds=parts, metrics=ALL)
    row = np.array([4.0, 11.0])
    found, returns = evaluate(job, row[None])[0], path(job, row).returns
    rows = [np.arange(400), *(part for each in parts for part in (each.train, each.test))]
    assert len(found) == len(rows) == len(job.labels)
    for ours, part in zip(found, rows, strict=True):
        for name, value in plain.figures(returns[part].tolist(), 252).items():
            assert ours[ALL.index(name)] == pytest.approx(value, rel=1e-8, abs=1e-9, nan_ok=True), name


def test_pieces_and_threads_change_no_bit(rng):
    bars = random_bars(rng, 200)
    job = Job.of(rules.sma_crossover, bars, costs=COSTLY, fill="same close", metrics=ALL)
    rows = np.array([(f, s) for f in range(2, 20) for s in range(f + 1, 40)], dtype=float)
    whole = evaluate(job, rows)
    pieces = np.concatenate([evaluate(job, rows[i : i + 37]) for i in range(0, len(rows), 37)])
    with threads(1):
        alone = evaluate(job, rows)
    assert whole.tobytes() == pieces.tobytes() == alone.tobytes()


def test_a_bankrupt_short_stays_at_nothing(rng):
    bars = random_bars(rng, 60)
    close = bars.close.copy()
    close.iloc[30:] *= 40  # against a short of everything
    job = Job.of(long_short, type(bars)({"close": close}, source="crash"), metrics=ALL)  # at the next close
    row = np.array([-1.0, 2.0])  # short when above its mean
    one = path(job, row)
    assert one.equity[-1] == 0.0 and (one.equity >= 0).all()
    ours = dict(zip(ALL, evaluate(job, row[None])[0, 0], strict=True))
    assert ours["total_return"] == ours["max_drawdown"] == -1.0 and math.isfinite(ours["sharpe"])


def test_a_rule_that_never_trades_has_no_sharpe_ratio_and_is_left_out_of_their_variance(rng):
    bars = random_bars(rng, 100)
    found = sweep(rules.sma_crossover, bars, {"fast": [5, 300], "slow": [10, 20, 400]}, where="fast < slow", **CLOSE)
    table = found.table()
    assert table["sharpe"].isna().tolist() == [False, False, True, True]
    known = table["sharpe"].dropna() / math.sqrt(252)
    assert found.count == 4
    assert found.sharpe_variance == pytest.approx(known.var(ddof=1))
    assert found.sharpe_mean == pytest.approx(known.mean())
    assert found.histogram.sum() == 2


def test_walking_forward_trades_the_best_of_each_train_fold_and_pays_for_the_switch(rng):
    bars = random_bars(rng, 420)
    parts = fold.walk_forward(420, train=120, test=60)
    grid = {"fast": [2, 5], "slow": [9, 20, 35]}
    found = sweep(rules.sma_crossover, bars, grid, folds=parts, costs=COSTLY, metrics=ALL, count=False)
    table, walked = found.table(), found.walk_forward("sharpe")
    trained = table[table["part"] == "train"]
    best = trained.loc[trained.groupby("fold")["sharpe"].idxmax(), ["fast", "slow"]]
    assert walked.choices[["fast", "slow"]].to_numpy().tolist() == best.to_numpy().tolist()
    wanted = np.zeros(420)
    for part, (fast, slow) in zip(parts, best.itertuples(index=False), strict=True):
        own = found.path({"fast": fast, "slow": slow}).wanted[:, 0]
        wanted[part.test - 1] = own[part.test - 1]
    close = bars.close["S0"].tolist()
    equity, _ = plain.portfolio([wanted.tolist()], [close], [close], [[True] * 420], 1, 0.001, 0.0005)
    rows = np.concatenate([part.test for part in parts])
    np.testing.assert_allclose(walked.returns, np.array(plain.returns_of(equity))[rows], rtol=0, atol=1e-12)
    assert walked.returns.index.equals(bars.times[rows])


def test_trades_and_positions_of_a_combination_add_up_to_its_equity(rng):
    bars = random_bars(rng, 300, 2, holes=0.05)
    grid = {"size": 0.6, "window": [5, 12]}
    found = sweep(long_short, bars, grid, costs=COSTLY, metrics=ALL, count=False)
    one = found.backtest({"size": 0.6, "window": 12}, capital=10_000)
    flows = -(one.trades["quantity"] * one.trades["price"]) - one.trades["fee"]
    cash = 10_000 + flows.groupby(one.trades["time"]).sum().reindex(bars.times).fillna(0).cumsum()
    np.testing.assert_allclose(cash + (one.positions * bars.close.ffill()).sum(axis=1), one.equity, rtol=1e-9)
    pd.testing.assert_series_equal(one.returns, found.returns(1))
    bought = one.trades.pivot_table(index="time", columns="symbol", values="quantity").reindex(bars.times)
    held = bought.fillna(0).cumsum()
    np.testing.assert_allclose(held, one.positions, atol=1e-9)


def test_every_shipped_rule_runs_and_its_positions_are_its_wishes(rng):
    asked = {
        "sma_crossover": {"fast": 5, "slow": 20}, "momentum": {"window": 20}, "rsi_reversion": {"window": 5},
        "bollinger": {"window": 20}, "donchian": {"enter": 20, "leave": 10},
        "vol_target": {"window": 20, "target": 0.01},
    }  # fmt: skip
    bars = random_bars(rng, 300)
    full = type(bars)({**bars.fields, "high": bars.close * 1.01, "low": bars.close * 0.99}, source="random")
    for name, given_ in asked.items():
        one = getattr(rules, name)
        wanted = one.positions(full, **given_)
        assert wanted.shape == (300, 1) and np.isfinite(wanted).all()
        assert len(np.unique(wanted)) > 1, name
