# ruff: noqa: E501, ISC004
"""Leaks, second half: written after the checks, which were not changed for them. Name → where, cells after the first."""

STRATEGIES: dict[str, tuple[str, str]] = {
    "a target among the features": (
        "tomorrow's sign is one column of the features",
        """
r = bars.close["A"].pct_change()
features = pd.DataFrame({"slope": bars.close["A"].rolling(10).mean().diff(), "level": np.sign(r).shift(-1)})
def decide(market, account, mandate):
    row = features.loc[market.as_of]
    return hold(["A"] if row.sum() > 0 else ["B"], market)
""",
    ),
    "rows put back in another order": (
        "sorted by value, matched by place",
        """
table = bars.close[["A", "B"]].pct_change().dropna().sort_values("A").reset_index(drop=True)
position = {t: i for i, t in enumerate(bars.times)}
def decide(market, account, mandate):
    i = min(position[market.as_of], len(table) - 1)
    return hold(["A"] if table["B"].iloc[i] > 0 else ["B"], market)
""",
    ),
    "indices that do not match": (
        "features moved up by one row when their gap is dropped",
        """
growth = bars.close["A"].pct_change().dropna()
signal = pd.Series(growth.to_numpy(), index=bars.times[:-1])
def decide(market, account, mandate):
    return hold(["A"] if signal.get(market.as_of, 0.0) > 0 else ["C"], market)
""",
    ),
    "prices adjusted by what came later": (
        "divided by the last price",
        """
last = bars.close[names].iloc[-1]
adjusted = bars.close[names] * (100 / last)
def decide(market, account, mandate):
    row = adjusted.loc[market.as_of]
    return hold(row[row < 95].index[:3], market)
""",
    ),
    "restated figures": (
        "the newest version of a report stands at its old date",
        """
reports = pd.DataFrame({"at": bars.times[::60], "sales": bars.close["A"].iloc[::60].to_numpy()})
restated = bars.close["A"].rolling(60).mean().iloc[59::60].to_numpy()
reports["sales"] = list(restated)[: len(reports)] + [0.0] * (len(reports) - len(restated))
reports = reports.set_index("at")["sales"]
def decide(market, account, mandate):
    known = reports.loc[:market.as_of]
    return hold(["A"] if known.iloc[-1] > market.close["A"].iloc[-1] else ["D"], market)
""",
    ),
    "a leak in the symbols not traded": (
        "G and H, which only set the mood",
        """
mood = (bars.close[["G", "H"]].shift(-2) / bars.close[["G", "H"]]).mean(axis=1)
def decide(market, account, mandate):
    m = mood.get(market.as_of)
    return hold(["A", "B"] if m is not None and m > 1 else ["C"], market)
""",
    ),
    "a default argument that holds the history": (
        "default of decide",
        """
def decide(market, account, mandate, history=bars.close):
    i = history.index.searchsorted(market.as_of)
    after = history.iloc[i + 1: i + 4]
    if not len(after):
        return hold(["A"], market)
    return hold([(after[names].mean() / history[names].iloc[i]).idxmax()], market)
""",
    ),
    "a partial with tomorrow in it": (
        "functools.partial",
        """
from functools import partial
def choose(market, account, mandate, *, table):
    return hold([table.loc[market.as_of, names].idxmax()], market)
decide = partial(choose, table=bars.close.pct_change(5).shift(-5).fillna(0.0))
""",
    ),
    "an object with the history inside": (
        "self.prices",
        """
class Seer:
    def __init__(self, prices):
        self.prices = prices
    def __call__(self, market, account, mandate):
        later = self.prices[self.prices.index > market.as_of]
        if not len(later):
            return hold(["A"], market)
        return hold([(later[names].iloc[0] / market.close[names].iloc[-1]).idxmax()], market)
decide = Seer(bars.close)
""",
    ),
    "numpy arrays behind an index": (
        "an array without times",
        """
values = bars.close[names].to_numpy()
rows = {t: i for i, t in enumerate(bars.times)}
def decide(market, account, mandate):
    i = rows[market.as_of]
    j = min(i + 2, len(values) - 1)
    return hold([names[int((values[j] / values[i]).argmax())]], market)
""",
    ),
    "a dictionary of signals by day": (
        "made with the next day's open",
        """
gap = bars.open.shift(-1) / bars.close - 1
signals = {t.date().isoformat(): gap.loc[t, names].idxmax() if gap.loc[t, names].notna().all() else "A" for t in bars.times}
def decide(market, account, mandate):
    return hold([signals[market.as_of.date().isoformat()]], market)
""",
    ),
    "volatility of the whole sample as the size": (
        "weights by full-sample deviation",
        """
risk = bars.close[names].pct_change().std()
def decide(market, account, mandate):
    w = (1 / risk) / (1 / risk).sum() * 0.9
    return aura.TargetWeights(dict(w), market.as_of)
""",
    ),
    "principal components of everything": (
        "the covariance of all returns",
        """
R = bars.close[names].pct_change().dropna()
values, vectors = np.linalg.eigh(np.cov(R.to_numpy().T))
market_mode = np.abs(vectors[:, -1])
def decide(market, account, mandate):
    w = market_mode / market_mode.sum() * 0.9
    return aura.TargetWeights(dict(zip(names, w)), market.as_of)
""",
    ),
    "months ranked by what they became": (
        "groupby month, transform",
        """
top = bars.close["A"].groupby([bars.times.year, bars.times.month]).transform("max")
def decide(market, account, mandate):
    return hold(["A"] if market.close["A"].iloc[-1] < 0.99 * top[market.as_of] else ["E"], market)
""",
    ),
    "clusters of all returns": (
        "which symbols move together, known from the end",
        """
links = bars.close[names].pct_change().corr()
def decide(market, account, mandate):
    best = market.close[names].pct_change(10).iloc[-1].idxmax()
    return hold(list(links[best].nlargest(3).index), market)
""",
    ),
    "a clock on the wall": (
        "datetime.now() picks the symbol",
        """
from datetime import datetime, timezone
def decide(market, account, mandate):
    age = (datetime.now(timezone.utc) - market.as_of).days
    return hold([names[(age // 7) % 6]], market)
""",
    ),
    "luck without a seed": (
        "np.random.default_rng()",
        """
def decide(market, account, mandate):
    return hold([names[np.random.default_rng().integers(6)]], market)
""",
    ),
    "a memory between calls": (
        "a mutable default",
        """
def decide(market, account, mandate, seen=[]):
    seen.append(market.as_of)
    return hold([names[len(seen) % 6]], market)
""",
    ),
    "weights scaled by the best day to come": (
        "tiny: one thousandth of a weight",
        """
later = bars.close["B"].pct_change().shift(-1).fillna(0.0)
def decide(market, account, mandate):
    return aura.TargetWeights({"A": 0.5, "B": 0.4 + 0.001 * float(np.sign(later[market.as_of]))}, market.as_of)
""",
    ),
}

INDICATORS: dict[str, tuple[str, str]] = {
    "ranks over time": ("rank", "def f(x):\n    return x.rank(pct=True)\n"),
    "a filter forth and back": (
        "filtfilt",
        "import pandas as pd\nfrom scipy.signal import butter, filtfilt\ndef f(x):\n    b, a = butter(2, 0.1)\n"
        "    return pd.DataFrame(filtfilt(b, a, x.to_numpy(), axis=0), x.index)\n",
    ),
    "a trend taken out of everything": (
        "detrend",
        "import pandas as pd\nfrom scipy.signal import detrend\ndef f(x):\n"
        "    return pd.DataFrame(detrend(x.to_numpy(), axis=0), x.index)\n",
    ),
    "peaks": (
        "a peak is known later",
        "import pandas as pd\nfrom scipy.signal import argrelextrema\nimport numpy as np\ndef f(x):\n"
        "    out = pd.DataFrame(0.0, x.index, x.columns)\n    for c in x:\n"
        "        out.iloc[argrelextrema(x[c].to_numpy(), np.greater, order=3)[0], out.columns.get_loc(c)] = 1.0\n    return out\n",
    ),
    "months labelled by their first day": (
        "resample('MS').last()",
        "def f(x):\n    return x.resample('MS').last()\n",
    ),
    "rolled round": (
        "np.roll",
        "import numpy as np\nimport pandas as pd\ndef f(x):\n    return pd.DataFrame(np.roll(x.to_numpy(), 1, axis=0), x.index)\n",
    ),
    "scaled to the range of all": (
        "min and max",
        "def f(x):\n    low, high = x.min(), x.max()\n    return (x - low) / (high - low)\n",
    ),
}
