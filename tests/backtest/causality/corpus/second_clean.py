# ruff: noqa: ISC004
"""Clean, second half: written after the checks, which were not changed for them. Name → why it may look suspicious."""

STRATEGIES: dict[str, tuple[str, str]] = {
    "minimum variance in a window": (
        "cov, inverse",
        """
def decide(market, account, mandate):
    c = np.cov(market.close[names].pct_change().iloc[-60:].to_numpy().T)
    w = np.clip(np.linalg.solve(c, np.ones(6)), 0, None)
    return aura.TargetWeights(dict(zip(names, 0.9 * w / w.sum())), market.as_of)
""",
    ),
    "the range of the last sixty bars": (
        "max, min",
        """
def decide(market, account, mandate):
    x = market.close[names].iloc[-60:]
    place = (x.iloc[-1] - x.min()) / (x.max() - x.min())
    return hold(list(place[place > 0.8].index), market)
""",
    ),
    "whole-history statistics of the past": (
        "mean and std without a window, of market only",
        """
def decide(market, account, mandate):
    r = market.close[names].pct_change()
    z = (r - r.mean()) / r.std()
    return hold([z.iloc[-1].idxmin()], market)
""",
    ),
    "ranks over time, of the past": (
        "rank over time",
        """
def decide(market, account, mandate):
    return hold([market.close[names].rank(pct=True).iloc[-1].idxmax()], market)
""",
    ),
    "a window turned round": (
        "[::-1] of the past",
        """
def decide(market, account, mandate):
    weights = np.arange(20, 0, -1)
    recent = market.close[names].iloc[::-1].iloc[:20]
    return hold([(recent.mul(weights, axis=0).sum() / market.close[names].iloc[-1]).idxmin()], market)
""",
    ),
    "the spectrum of the past": (
        "fft inside",
        """
def decide(market, account, mandate):
    power = np.abs(np.fft.rfft(market.close[names].iloc[-64:].to_numpy(), axis=0))[1:4].sum(axis=0)
    return hold([names[int(power.argmin())]], market)
""",
    ),
    "a smoother on a window that ends now": (
        "savgol inside",
        """
from scipy.signal import savgol_filter
def decide(market, account, mandate):
    s = savgol_filter(market.close[names].iloc[-41:].to_numpy(), 11, 2, axis=0)
    return hold([names[int((s[-1] / s[-2]).argmax())]], market)
""",
    ),
    "labels of the past by helper": (
        "a helper with shift(-1), called with the past only",
        """
def forward(x):
    return x.shift(-1)
def decide(market, account, mandate):
    r = market.close[names].pct_change()
    link = {s: r[s].corr(forward(r[s])) for s in names}
    return hold([max(link, key=link.get)], market)
""",
    ),
    "a moving average crossing made before": (
        "captured signals, shifted forward",
        """
fast, slow = bars.close.rolling(5).mean(), bars.close.rolling(30).mean()
signal = (fast > slow).shift(1, fill_value=False)
def decide(market, account, mandate):
    row = signal.loc[market.as_of, names]
    return hold(list(row[row].index), market)
""",
    ),
    "rolling ranks made before": (
        "rank with a window",
        """
place = bars.close[names].rolling(40).rank(pct=True)
def decide(market, account, mandate):
    return hold([place.loc[market.as_of].idxmin()], market)
""",
    ),
    "a drawdown made before": (
        "cummax over all rows",
        """
depth = bars.close[names] / bars.close[names].cummax() - 1
def decide(market, account, mandate):
    return hold([depth.loc[market.as_of].idxmin()], market)
""",
    ),
    "rebalance only when far off": (
        "reads the account",
        """
def decide(market, account, mandate):
    held = [s for s in names if account.quantity(s) > 0]
    best = market.close[names].pct_change(20).iloc[-1].nlargest(3).index
    keep = [s for s in held if s in best]
    return hold(keep if len(keep) >= 2 else list(best), market)
""",
    ),
    "nothing most of the time": (
        "empty answers",
        """
def decide(market, account, mandate):
    r = market.close["A"].pct_change()
    return hold(["A"] if r.iloc[-1] < -2 * r.iloc[-60:].std() else [], market)
""",
    ),
    "volume against its past": (
        "other fields",
        """
def decide(market, account, mandate):
    v = market.bars.volume[names]
    return hold([(v.iloc[-1] / v.iloc[-20:].median()).idxmax()], market)
""",
    ),
    "true ranges": (
        "high and low",
        """
def decide(market, account, mandate):
    b = market.bars
    spread = ((b.high - b.low) / b.close)[names].iloc[-14:].mean()
    return hold(list(spread.nsmallest(2).index), market)
""",
    ),
    "a recursive filter in a loop": (
        "i + 1 while writing row i + 1",
        """
def level(x, a=0.1):
    out = np.empty(len(x))
    out[0] = x[0]
    for i in range(len(x) - 1):
        out[i + 1] = out[i] + a * (x[i + 1] - out[i])
    return out
def decide(market, account, mandate):
    gaps = {s: market.close[s].iloc[-1] / level(market.close[s].iloc[-100:].to_numpy())[-1] for s in names}
    return hold([min(gaps, key=gaps.get)], market)
""",
    ),
    "a cached helper": (
        "lru_cache on plain values",
        """
from functools import lru_cache
@lru_cache(maxsize=None)
def kernel(n):
    w = np.exp(-np.arange(n) / 5)
    return w / w.sum()
def decide(market, account, mandate):
    x = market.close[names].iloc[-20:][::-1].to_numpy()
    return hold([names[int((kernel(20) @ x / x[0]).argmin())]], market)
""",
    ),
    "a walk-forward fit": (
        "fit at every decision, on rows before it",
        """
features = bars.close[names].pct_change(5)
def decide(market, account, mandate):
    x = features.loc[:market.as_of].iloc[-60:]
    y = market.close[names].pct_change().iloc[-60:]
    slope = np.polyfit(x["A"].to_numpy(), y["A"].to_numpy(), 1)[0]
    return hold(["A"] if slope * x["A"].iloc[-1] > 0 else ["F"], market)
""",
    ),
    "a table by month known before": (
        "a mapping of days",
        """
weights_of = {1: "A", 2: "B", 3: "C", 4: "D", 5: "E", 6: "F"}
def decide(market, account, mandate):
    return hold([weights_of[(market.as_of.month - 1) % 6 + 1]], market)
""",
    ),
    "a look at the data first": (
        "whole-sample figures that nobody trades on",
        """
overview = bars.close.describe()
spread = bars.close["A"].std()
def decide(market, account, mandate):
    return hold([market.close[names].pct_change(15).iloc[-1].idxmax()], market)
""",
    ),
    "a label that is answered for": (
        "shift(-5), for a picture only",
        """
ahead = bars.close["A"].shift(-5) / bars.close["A"] - 1  # causal: looked at in a picture, no decision reads it
def decide(market, account, mandate):
    return hold([market.close[names].pct_change(25).iloc[-1].idxmin()], market)
""",
    ),
    "months that are over": (
        "resample to month ends, the running one left out",
        """
def decide(market, account, mandate):
    monthly = market.close[names].resample("ME").last().iloc[:-1]
    return hold([(monthly.iloc[-1] / monthly.iloc[-3]).idxmax()], market)
""",
    ),
}

INDICATORS: dict[str, tuple[str, str]] = {
    "a strength index": (
        "ewm of parts",
        "def f(x):\n    d = x.diff()\n    up = d.clip(lower=0).ewm(alpha=1 / 14).mean()\n"
        "    return 100 * up / d.abs().ewm(alpha=1 / 14).mean()\n",
    ),
    "expanding quantiles": ("quantile", "def f(x):\n    return x.expanding(30).quantile(0.9)\n"),
    "weeks with right labels, filled forward": (
        "resample",
        "def f(x):\n    return x.resample('W-FRI').last().shift(1).reindex(x.index, method='ffill')\n",
    ),
    "rank across": ("rank", "def f(x):\n    return x.pct_change(10).rank(axis=1, pct=True)\n"),
}
