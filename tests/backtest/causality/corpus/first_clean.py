# ruff: noqa: E501, ISC004
"""Clean strategies and indicators, first half. Name → why it may look suspicious, cells after the first."""

STRATEGIES: dict[str, tuple[str, str]] = {
    "momentum": (
        "nothing",
        """
def decide(market, account, mandate, *, lookback=40):
    close = market.close[names]
    return hold((close.iloc[-1] / close.iloc[-lookback]).nlargest(2).index, market)
params = dict(lookback=30)
""",
    ),
    "an expanding z-score made before": (
        "a captured feature over all rows",
        """
z = (bars.close - bars.close.expanding(20).mean()) / bars.close.expanding(20).std()
def decide(market, account, mandate):
    return hold(z.loc[market.as_of, names].nsmallest(2).index, market)
""",
    ),
    "seeded random numbers": (
        "random",
        """
def decide(market, account, mandate):
    rng = np.random.default_rng([7, market.as_of.toordinal()])
    return hold([names[i] for i in rng.choice(len(names), 2, replace=False)], market)
""",
    ),
    "a lagged feature": (
        "shift(+1)",
        """
lagged = bars.close.pct_change(5).shift(1)
def decide(market, account, mandate):
    return hold([lagged.loc[market.as_of, names].idxmax()], market)
""",
    ),
    "names that say centre": (
        "words only",
        """
def decide(market, account, mandate):
    center = market.close[names].rolling(20).mean().iloc[-1]
    future_proof = market.close[names].iloc[-1] / center
    return hold([future_proof.idxmin()], market)
""",
    ),
    "a cache by moment": (
        "state that does not matter",
        """
cache = {}
def decide(market, account, mandate):
    if market.as_of not in cache:
        cache[market.as_of] = market.close[names].iloc[-20:].std().nsmallest(2).index
    return hold(cache[market.as_of], market)
""",
    ),
    "state rebuilt from the market": (
        "a trailing stop computed anew",
        """
def decide(market, account, mandate):
    close = market.close[names].iloc[-60:]
    keep = close.columns[close.iloc[-1] > 0.95 * close.max()]
    return hold(keep, market)
""",
    ),
    "an exponential mean of everything": (
        "a long memory",
        """
def decide(market, account, mandate):
    fast, slow = (market.close[names].ewm(span=n).mean().iloc[-1] for n in (10, 100))
    return hold([s for s in names if fast[s] > slow[s]], market)
""",
    ),
    "filled inside a past window": (
        "bfill on what is past",
        """
def decide(market, account, mandate):
    window = market.close.iloc[-50:].bfill().ffill()
    return hold((window[names].iloc[-1] / window[names].iloc[0]).nlargest(2).index, market)
""",
    ),
    "labels for a model trained on the past": (
        "shift(-1) inside the past",
        """
def decide(market, account, mandate):
    returns = market.close[names].pct_change().dropna()
    x, y = returns["A"].iloc[:-1].to_numpy(), returns["B"].shift(-1).dropna().to_numpy()
    slope, level = np.polyfit(x, y, 1)
    return hold(["B"] if level + slope * returns["A"].iloc[-1] > 0 else ["C"], market)
""",
    ),
    "a scaler fitted in the past": (
        "fit_transform",
        """
from sklearn.preprocessing import StandardScaler
def decide(market, account, mandate):
    moves = market.close[names].pct_change().dropna()
    score = StandardScaler().fit_transform(moves)[-1]
    return hold([names[int(score.argmin())]], market)
""",
    ),
    "a model fitted before the first decision": (
        "fit before the start",
        """
train = bars.close[names].pct_change().iloc[1:60]
slope, level = np.polyfit(train["A"].to_numpy()[:-1], train["B"].to_numpy()[1:], 1)
def decide(market, account, mandate):
    today = market.close["A"].pct_change().iloc[-1]
    return hold(["B"] if level + slope * today > 0 else ["C"], market)
""",
    ),
    "captured bars cut at the moment": (
        "bars of the notebook",
        """
def decide(market, account, mandate):
    known = bars.until(market.as_of).close[names]
    return hold((known.iloc[-1] / known.iloc[-10]).nlargest(1).index, market)
""",
    ),
    "members at the moment": (
        "a universe that changes",
        """
members = {2017: names[:3], 2018: names[1:5], 2019: names}
def decide(market, account, mandate):
    now = members.get(market.as_of.year, names)
    return hold([s for s in now if market.close[s].iloc[-1] > market.close[s].iloc[-20:].mean()], market)
""",
    ),
    "those that trade now": (
        "a changing universe and NaN",
        """
mandate = aura.Mandate(bars.symbols, max_weight=1.0)
def decide(market, account, mandate):
    recent = market.close.iloc[-30:]
    alive = recent.columns[recent.notna().all()]
    return hold(list(alive), market)
""",
    ),
    "signals by week with right labels": (
        "resample",
        """
weekly = bars.close.resample("W-FRI", label="right", closed="right").last()
def decide(market, account, mandate):
    known = weekly.loc[:market.as_of, names]
    return hold([(known.iloc[-1] / known.iloc[-3]).idxmax()], market)
""",
    ),
    "prices joined backward": (
        "merge_asof",
        """
monthly = bars.close["A"].resample("ME").last().rename("level").rename_axis("time").reset_index()
daily = pd.DataFrame({"time": bars.times})
monthly["time"] = monthly["time"].astype(daily["time"].dtype)
joined = pd.merge_asof(daily, monthly, on="time", direction="backward").set_index("time")["level"]
def decide(market, account, mandate):
    level = joined[market.as_of]
    return hold(["A"] if level == level and level < market.close["A"].iloc[-1] else ["B"], market)
""",
    ),
    "a rank across symbols": (
        "rank",
        """
strength = bars.close[names].pct_change(20).rank(axis=1)
def decide(market, account, mandate):
    return hold([strength.loc[market.as_of].idxmax()], market)
""",
    ),
    "float noise of a long rolling sum": (
        "sums in another order",
        """
total = bars.close[names].rolling(50).sum()
def decide(market, account, mandate):
    w = total.loc[market.as_of] / total.loc[market.as_of].sum()
    return aura.TargetWeights(dict(w * 0.9), market.as_of)
""",
    ),
    "explicit orders": (
        "intents",
        """
from decimal import Decimal
def decide(market, account, mandate):
    if market.close["A"].iloc[-1] > market.close["A"].iloc[-20:].mean() and account.quantity("A") == 0:
        return [aura.Intent(market.bars.instruments["A"], aura.Side.BUY, Decimal(10))]
    return []
""",
    ),
    "a loader told the moment": (
        "a loader inside",
        """
def decide(market, account, mandate):
    known = aura.data.load(as_of=market.as_of).close[names]
    return hold([known.iloc[-1].idxmax()], market)
""",
    ),
    "a closure over parameters": (
        "a factory",
        """
def make(n):
    settings = {"n": n}
    def decide(market, account, mandate):
        close = market.close[names]
        return hold((close.iloc[-1] / close.iloc[-settings["n"]]).nsmallest(1).index, market)
    return decide
decide = make(15)
""",
    ),
    "a strategy as an object": (
        "attributes",
        """
class Reversal:
    def __init__(self, window):
        self.window = window
    def __call__(self, market, account, mandate):
        close = market.close[names].iloc[-self.window:]
        return hold([(close.iloc[-1] / close.mean()).idxmin()], market)
decide = Reversal(25)
""",
    ),
}

INDICATORS: dict[str, tuple[str, str]] = {
    "a rolling mean": ("nothing", "def f(x):\n    return x.rolling(20).mean()\n"),
    "early NaN": ("NaN", "def f(x):\n    return x.pct_change(60)\n"),
    "a long exponential mean": ("memory", "def f(x):\n    return x.ewm(halflife=200).mean()\n"),
    "a cumulative sum of returns": ("float noise", "def f(x):\n    return x.pct_change().cumsum()\n"),
    "a convolution that ends now": (
        "noise of sums in another order",
        "import numpy as np\nimport pandas as pd\nfrom scipy.signal import oaconvolve\ndef f(x):\n"
        "    k = np.ones((10, 1)) / 10\n    return pd.DataFrame(oaconvolve(x.to_numpy(), k, axes=0)[: len(x)], x.index)\n",
    ),
    "drawdown from the top so far": ("cummax", "def f(x):\n    return x / x.cummax() - 1\n"),
}
