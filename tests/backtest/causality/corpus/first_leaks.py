# ruff: noqa: E501
"""Leaks, first half: written before the checks were tried on any of them. Name → where it is, cells after the first."""

STRATEGIES: dict[str, tuple[str, str]] = {
    "a global frame of full history": (
        "FULL.iloc[i + 1]",
        """
FULL = bars.close
def decide(market, account, mandate):
    i = FULL.index.get_loc(market.as_of)
    tomorrow = FULL.iloc[min(i + 1, len(FULL) - 1)] / FULL.iloc[i]
    return hold([tomorrow[names].idxmax()], market)
""",
    ),
    "a signal from later bars that never triggers": (
        "the class of freqtrade#11346: the future vetoes entries, so no verified signal is wrong",
        """
veto = bars.close["A"].shift(-3) < bars.close["A"]
def decide(market, account, mandate):
    if market.close["A"].iloc[-1] < market.close["A"].iloc[-20:].mean():
        return hold([], market)
    if veto.get(market.as_of, False):
        return hold([], market)
    return hold(["A"], market)
""",
    ),
    "a z-score over the whole sample": (
        "z",
        """
z = (bars.close - bars.close.mean()) / bars.close.std()
def decide(market, account, mandate):
    return hold(z.loc[market.as_of, names].nsmallest(2).index, market)
""",
    ),
    "a threshold chosen on all data": (
        "limit",
        """
limit = float(bars.close["A"].pct_change().quantile(0.7))
def decide(market, account, mandate):
    today = market.close["A"].pct_change().iloc[-1]
    return hold(["A"] if today > limit else ["B"], market)
""",
    ),
    "the best lookback of a search over everything": (
        "best",
        """
def score(n):
    signal = (bars.close["A"] > bars.close["A"].rolling(n).mean()).shift(1, fill_value=False)
    return float((bars.close["A"].pct_change() * signal).sum())
best = max((5, 10, 20, 30, 40, 50), key=score)
def decide(market, account, mandate):
    close = market.close["A"]
    return hold(["A"] if close.iloc[-1] > close.iloc[-best:].mean() else [], market)
""",
    ),
    "a leak in a rare branch": (
        "only after a fall of 3 % in a day",
        """
ahead = bars.close.pct_change().shift(-1)
def decide(market, account, mandate):
    today = market.close[names].pct_change().iloc[-1]
    if today.min() < -0.03:
        return hold([ahead.loc[market.as_of, names].idxmax()], market)
    return hold([today.idxmax()], market)
""",
    ),
    "a leak of one bar on Fridays before the tenth": (
        "tomorrow on some days only",
        """
after = bars.close.shift(-1) / bars.close
def decide(market, account, mandate):
    if market.as_of.weekday() == 4 and market.as_of.day < 10:
        return hold([after.loc[market.as_of, names].idxmax()], market)
    return hold(names[:3], market)
""",
    ),
    "a stop at the highest price to come": (
        "maximum over the future in an exit",
        """
ALL = bars.close
def decide(market, account, mandate):
    keep = []
    for s in names[:3]:
        peak = ALL.loc[market.as_of:, s].max()
        if market.close[s].iloc[-1] > 0.97 * peak and account.quantity(s) > 0:
            continue
        keep.append(s)
    return hold(keep, market)
""",
    ),
    "a universe of those that live to the end": (
        "survivorship: chosen by the last row",
        """
alive = [s for s in bars.symbols if pd.notna(bars.close[s].iloc[-1])]
mandate = aura.Mandate(bars.symbols, max_weight=1.0)
def decide(market, account, mandate):
    now = [s for s in alive if pd.notna(market.close[s].iloc[-1])]
    return hold(now, market)
""",
    ),
    "prices joined forward": (
        "merge_asof(direction='forward')",
        """
monthly = bars.close["A"].resample("ME").last().rename("level").rename_axis("time").reset_index()
daily = pd.DataFrame({"time": bars.times})
monthly["time"] = monthly["time"].astype(daily["time"].dtype)
joined = pd.merge_asof(daily, monthly, on="time", direction="forward").set_index("time")["level"]
def decide(market, account, mandate):
    return hold(["A"] if joined[market.as_of] > market.close["A"].iloc[-1] else ["B"], market)
""",
    ),
    "weekly labels on the left": (
        "resample with label='left'",
        """
weekly = bars.close.resample("W-FRI", label="left", closed="left").last()
def decide(market, account, mandate):
    known = weekly.loc[:market.as_of, names]
    return hold([(known.iloc[-1] / known.iloc[-2]).idxmax()], market)
""",
    ),
    "a model fitted on all rows": (
        "coefficients of a regression over the whole sample",
        """
returns = bars.close.pct_change().dropna(subset=names)
X, y = returns["A"].to_numpy()[:-1], returns["B"].to_numpy()[1:]
slope, level = np.polyfit(X, y, 1)
def decide(market, account, mandate):
    today = market.close["A"].pct_change().iloc[-1]
    return hold(["B"] if level + slope * today > 0 else ["C"], market)
""",
    ),
    "a scaler fitted on everything": (
        "StandardScaler.fit on all rows",
        """
from sklearn.preprocessing import StandardScaler
moves = bars.close[names].pct_change().fillna(0.0)
scaler = StandardScaler().fit(moves.to_numpy())
def decide(market, account, mandate):
    row = market.close[names].pct_change().iloc[-1:].to_numpy()
    score = scaler.transform(row)[0]
    return hold([names[int(score.argmax())]], market)
""",
    ),
    "the bars of the notebook instead of the market": (
        "bars captured whole",
        """
def decide(market, account, mandate):
    growth = bars.close[names].iloc[-1] / bars.close[names].iloc[0]
    return hold(growth.nlargest(2).index, market)
""",
    ),
    "a loader inside the strategy, without as_of": (
        "aura.data.load()",
        """
def decide(market, account, mandate):
    fresh = aura.data.load().close[names]
    return hold([fresh.iloc[-1].idxmax()], market)
""",
    ),
    "a cached result of a backtest over everything": (
        "the cache was filled by an earlier cell",
        """
ranking = {}
for s in names:
    ranking[s] = float(bars.close[s].pct_change().mean() / bars.close[s].pct_change().std())
def decide(market, account, mandate):
    order = sorted(ranking, key=ranking.get, reverse=True)
    return hold(order[:2], market)
""",
    ),
    "a filter that runs both ways": (
        "Savitzky-Golay over the history",
        """
from scipy.signal import savgol_filter
smooth = pd.DataFrame(savgol_filter(bars.close[names].to_numpy(), 21, 2, axis=0), bars.times, names)
def decide(market, account, mandate):
    known = smooth.loc[:market.as_of]
    return hold((known.iloc[-1] - known.iloc[-2]).nlargest(2).index, market)
""",
    ),
}

INDICATORS: dict[str, tuple[str, str]] = {
    "the next return": ("shift(-1)", "def f(x):\n    return x.pct_change().shift(-1)\n"),
    "a negative shift behind a name": ("n = -2", "n = -2\ndef f(x):\n    return x.shift(n) / x\n"),
    "a centred mean": ("center", "def f(x):\n    return x.rolling(window=9, center=True, min_periods=1).mean()\n"),
    "gaps filled from behind": ("bfill", "def f(x):\n    return x.where(x > x.shift(1)).bfill().ffill()\n"),
    "cumulative from the end": ("[::-1]", "def f(x):\n    return x[::-1].cummax()[::-1] / x\n"),
    "interpolated gaps": (
        "interpolate",
        "def f(x):\n    known = x.copy()\n    known[x.index.day_of_week == 2] = float('nan')\n    return known.interpolate()\n",
    ),
    "one bar on Fridays": (
        "a mask on Fridays",
        "def f(x):\n    out = x.copy()\n    friday = x.index.day_of_week == 4\n    out[friday] = x.shift(-1)[friday]\n    return out\n",
    ),
}
