"""The reading of a source: each rule, names behind names, what is past only, and lines that are answered for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aura_lib.backtest import causality
from aura_lib.core import InputError

FUTURE = {
    "shift": "y = x.shift(-1)",
    "shift by a name": "n = -1\ny = x.shift(n)",
    "shift by a computed name": "n = 3\ny = x.shift(periods=-n)",
    "shift in a loop": "for n in (1, -5):\n    y = x.shift(n)",
    "shift by a default": "def f(v, n=-2):\n    return v.shift(n)\ny = f(x)",
    "pct_change": "y = x.pct_change(-5)",
    "diff": "y = x.diff(periods=-1)",
    "roll": "y = np.roll(x, -1)",
    "bfill": "y = x.bfill()",
    "fillna": "how = 'bfill'\ny = x.fillna(method=how)",
    "nearest": "y = x.reindex(days, method='nearest')",
    "interpolate": "y = x.interpolate(limit_direction='both')",
    "center": "flag = True\ny = x.rolling(5, center=flag).mean()",
    "same": "y = np.convolve(x, k, mode='same')",
    "reversed": "z = x[::-1]\ny = z.cummax()",
    "reversed by order": "y = x.sort_index(ascending=False).rolling(5).mean()",
    "place": "for i in range(10):\n    y = x.iloc[i + 1]",
    "place of a moment": "i = x.index.get_loc(day)\ny = x.iloc[i:i + 5].max()",
    "from now on": "y = x.loc[as_of:].min()",
    "resample": "y = x.resample('W', label='left').last()",
    "resample at starts": "y = x.resample('MS').mean()",
    "period": "y = x.groupby(x.index.month).transform('max')",
    "merge_asof": "y = pd.merge_asof(a, b, on='t', direction='forward')",
    "nearest join": "way = 'nearest'\ny = pd.merge_asof(a, b, on='t', direction=way)",
    "fit": "model.fit(X, y)",
    "fit_transform": "Z = StandardScaler().fit_transform(X)",
    "fit of a formula": "m = sm.OLS(y, X).fit()",
    "whole sample": "z = (x - x.mean()) / x.std()",
    "minimum and maximum": "z = (x - x.min()) / (x.max() - x.min())",
    "rank": "r = x.rank(pct=True)",
    "split": "a, b = train_test_split(X)",
    "folds": "k = KFold(5, shuffle=True)",
    "fft": "p = np.fft.rfft(x)",
    "savgol": "y = savgol_filter(x, 5, 2)",
    "hp": "c, t = hpfilter(x, 1600)",
    "season": "s = seasonal_decompose(x)",
    "peaks": "p, _ = find_peaks(x)",
    "detrend": "y = scipy.signal.detrend(x)",
    "survivors": "y = x.dropna(axis=1)",
    "captured": "mu = x.mean()\ndef decide(market, account, mandate):\n    return mu",
    "last row": "best = x.iloc[-1].nlargest(3).index\ndef decide(market, account, mandate):\n    return best",
    "now": "t = datetime.now()",
    "today": "t = pd.Timestamp('today')",
    "random": "r = np.random.default_rng()",
    "adjusted": "p = table['Adj Close']\ncheap = p < 5",
    "load": "def decide(market, account, mandate):\n    return aura.data.load('A')",
    "default": "def decide(market, account, mandate, seen=[]):\n    return seen",
}
PAST = {
    "shift": "y = x.shift(1)",
    "shift of less than nothing": "n = -1\ny = x.shift(-n)",
    "rolling": "z = (x - x.rolling(20).mean()) / x.rolling(20).std()",
    "across": "z = x.rank(axis=1)",
    "a training set": "train = x.iloc[:100]\nz = (x - train.mean()) / train.std()",
    "fitted to a training set": "model.fit(X[:100], y[:100])",
    "turned twice": "z = x[::-1].iloc[::-1].cumsum()",
    "right labels": "y = x.resample('W').last()",
    "backward": "y = pd.merge_asof(a, b, on='t')",
    "split by time": "a, b = train_test_split(X, shuffle=False)",
    "a seed": "r = np.random.default_rng(7)",
    "up to the row": "for i in range(10):\n    y = x.iloc[: i + 1]",
    "own row": "for i in range(9):\n    y[i + 1] = y[i] + x[i + 1]",
    "only looked at": "x.mean()\nx.describe()",
    "market": "def decide(market, account, mandate):\n    c = market.close.bfill()\n    return c.rank().shift(-1)",
    "a helper of the market": (
        "def z(v):\n    return (v - v.mean()) / v.std()\n"
        "def decide(market, account, mandate):\n    return z(market.close)"
    ),
}


OUTSIDE = {
    "file": "def decide(market, account, mandate):\n    return open('best.txt').read()",
    "file of a helper": (
        "def best():\n    return p.read_text()\ndef decide(market, account, mandate):\n    return best()"
    ),
    "file at an address": (
        "import requests\ndef decide(market, account, mandate):\n    return requests.get(address).json()"
    ),
    "hidden": "def decide(market, account, mandate):\n    return sys.modules['x'].later",
    "hidden globals": "def decide(market, account, mandate):\n    return globals()['bars']",
    "hidden frame": "def decide(market, account, mandate):\n    return sys._getframe(1).f_locals",
    "order": "def decide(market, account, mandate):\n    return list({'A', 'B'})[0]",
    "order by name": "def decide(market, account, mandate):\n    s = set(a)\n    x = list(s)\n    return x[:2]",
    "order by iter": "def decide(market, account, mandate):\n    return next(iter(set(a) & set(b)))",
    "order of a loop": (
        "def decide(market, account, mandate):\n    for x in set(a):\n        if x:\n            break\n    return x"
    ),
}
INSIDE = {
    "a file before": "text = open('rule.txt').read()\ndef decide(market, account, mandate):\n    return text",
    "sorted": "def decide(market, account, mandate):\n    return sorted({'A', 'B'})[0]",
    "asked": "def decide(market, account, mandate):\n    return 'A' in {'A', 'B'} and len(set(a)) > 1",
    "outside of decide": "first = list({'A', 'B'})[0]\nvars(first)",
    "a list": "def decide(market, account, mandate):\n    x = list(market.symbols)\n    return x[:2]",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_a_strategy_reaches_behind_its_arguments_is_found(name: str) -> None:
    found = causality.scan(OUTSIDE[name])
    assert found and not any(f.warning for f in found), name
    assert name.split()[0] in {f.kind for f in found}


@pytest.mark.parametrize("name", INSIDE)
def test_files_and_sets_that_harm_nothing_are_left_alone(name: str) -> None:
    assert causality.scan(INSIDE[name]) == []


TYPED = "names = ['AAPL', 'MSFT', 'NVDA']\nmandate = aura.Mandate(names, max_weight=0.5)"


@pytest.mark.parametrize("source", [TYPED, "m = aura.Mandate(('A', 'B'))", "m = Mandate(universe='A B C'.split())"])
def test_a_universe_that_was_typed_is_a_warning_of_survivorship(source: str) -> None:
    (only,) = causality.scan(source)
    assert only.kind == "survivorship" and only.warning
    assert "the universe is a list typed today" in only.why and "members" in only.instead


@pytest.mark.parametrize(
    "source",
    [
        "m = aura.Mandate(aura.data.universe('sample'))",
        "m = aura.Mandate(bars.symbols)",
        "m = aura.Mandate(['SPY'])",
        TYPED.replace("max_weight=0.5)", "max_weight=0.5)  # causal: the three that the question names"),
    ],
)
def test_a_universe_of_a_source_one_name_or_a_reason_is_none(source: str) -> None:
    assert causality.scan(source) == []


@pytest.mark.parametrize("name", FUTURE)
def test_what_reads_the_future_is_found_in_its_line(name: str) -> None:
    found = causality.scan(FUTURE[name])
    assert found, name
    lines = FUTURE[name].splitlines()
    assert all(f.text == lines[f.line - 1].strip() and f.why and f.instead for f in found)


@pytest.mark.parametrize("name", PAST)
def test_what_reads_the_past_is_left_alone(name: str) -> None:
    assert causality.scan(PAST[name]) == []


def test_a_finding_names_the_cell_and_the_line_of_a_notebook(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "x.shift(-1)", "metadata": {}},
        {"cell_type": "code", "source": ["n = -1\n", "m = 2"], "metadata": {}, "outputs": [], "execution_count": None},
        {"cell_type": "code", "source": "%time pass\ny = x.shift(n)", "metadata": {}, "outputs": []},
    ]
    file = tmp_path / "n.ipynb"
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    (only,) = causality.scan(file)
    assert (only.kind, only.cell, only.line, only.text) == ("shift", 2, 2, "y = x.shift(n)")


def test_a_line_is_answered_for_by_a_comment_with_a_reason() -> None:
    assert causality.scan("y = x.shift(-1)  # causal: a label for a picture") == []
    assert causality.scan("# causal: a label for a picture\ny = x.shift(-1)") == []


def test_a_comment_without_a_reason_answers_for_nothing() -> None:
    (only,) = causality.scan("y = x.shift(-1)  # causal:")
    assert "needs a reason" in only.why


def test_what_is_no_notebook_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text("[]")
    with pytest.raises(InputError, match=r"n\.ipynb is no Jupyter notebook"):
        causality.scan(file)
    with pytest.raises(InputError, match="cell 2, line 1"):
        causality.scan(["a = 1", "if"])
    with pytest.raises(InputError, match="no notebook at"):
        causality.scan(tmp_path / "none.ipynb")
