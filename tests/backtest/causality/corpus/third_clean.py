# ruff: noqa: ISC004
"""Clean, third part: what looks like reaching behind the arguments, and is not. Name → why it may look suspicious."""

STRATEGIES: dict[str, tuple[str, str]] = {
    "a set in order": (
        "a set, sorted",
        """
def decide(market, account, mandate):
    rising = {s for s in names if market.close[s].iloc[-1] > market.close[s].iloc[-20]}
    return hold(sorted(rising)[:2] or ["A"], market)
""",
    ),
    "every one of a set": (
        "a set, all of it held alike",
        """
def decide(market, account, mandate):
    chosen = set(names[:3]) | {market.close[names].iloc[-1].idxmax()}
    return aura.TargetWeights({s: 0.9 / len(chosen) for s in chosen}, market.as_of)
""",
    ),
    "a set that is asked": (
        "membership and size of a set",
        """
def decide(market, account, mandate):
    banned = {"A", "B"}
    best = [s for s in names if s not in banned and len(banned) == 2]
    return hold(best[:2], market)
""",
    ),
    "a file read before": (
        "open outside decide",
        """
import os, tempfile
place = os.path.join(tempfile.gettempdir(), "aura-corpus-rule.txt")
with open(place, "w") as file:
    file.write("20")
with open(place) as file:
    window = int(file.read())
def decide(market, account, mandate):
    return hold([market.close[names].pct_change(window).iloc[-1].idxmax()], market)
""",
    ),
    "prices by the name of open": (
        "market.open and vars of an object",
        """
def decide(market, account, mandate):
    open_ = market.bars.fields["open"][names].iloc[-1]
    return hold([(market.close[names].iloc[-1] / open_).idxmax()], market)
""",
    ),
    "a list that pops": (
        "pop of a list",
        """
def decide(market, account, mandate):
    ranked = list(market.close[names].pct_change(10).iloc[-1].sort_values().index)
    return hold([ranked.pop()], market)
""",
    ),
    "a zip of two lists": (
        "zip and enumerate over lists",
        """
def decide(market, account, mandate):
    order = market.close[names].pct_change(10).iloc[-1].sort_values().index
    return aura.TargetWeights({s: 0.05 * i for i, s in enumerate(order)}, market.as_of)
""",
    ),
    "a universe that was typed": (
        "a literal list: a warning, no leak",
        """
mandate = aura.Mandate(["A", "B", "C"], max_weight=1.0)
def decide(market, account, mandate):
    return hold([market.close[["A", "B", "C"]].pct_change(20).iloc[-1].idxmax()], market)
""",
    ),
}

INDICATORS: dict[str, tuple[str, str]] = {
    "a convolution of a long history": (
        "an FFT convolution with a large kernel",
        "import numpy as np\nimport pandas as pd\nfrom scipy.signal import fftconvolve\ndef f(x):\n"
        "    k = np.exp(-np.arange(60.0) / 20)[:, None]\n"
        "    return pd.DataFrame(fftconvolve(x.to_numpy(), k / k.sum(), axes=0)[: len(x)], x.index)\n",
    ),
}
