"""Leaks, third part: what a strategy gets behind its arguments. Name → where, cells after the first."""

STRATEGIES: dict[str, tuple[str, str]] = {
    "a file read when deciding": (
        "open inside decide",
        """
import os, tempfile
place = os.path.join(tempfile.gettempdir(), "aura-corpus-best.txt")
with open(place, "w") as file:
    file.write(bars.close[names].iloc[-20:].sum().idxmax())
def decide(market, account, mandate):
    with open(place) as file:
        return hold([file.read()], market)
""",
    ),
    "a file read by a helper": (
        "read_text in a function that decide calls",
        """
import tempfile
from pathlib import Path
place = Path(tempfile.gettempdir()) / "aura-corpus-choice.txt"
place.write_text(bars.close[names].iloc[-20:].sum().idxmin())
def choice():
    return place.read_text()
def decide(market, account, mandate):
    return hold([choice()], market)
""",
    ),
    "an array file read when deciding": (
        "np.loadtxt inside decide",
        """
import os, tempfile
place = os.path.join(tempfile.gettempdir(), "aura-corpus-means.txt")
np.savetxt(place, bars.close[names].tail(40).to_numpy().mean(axis=0))
def decide(market, account, mandate):
    later = np.loadtxt(place)
    return hold([names[int(np.argmax(later))]], market)
""",
    ),
    "bars behind the caller's frame": (
        "sys._getframe",
        """
import sys
def decide(market, account, mandate):
    frame = sys._getframe()
    whole = frame.f_globals["bars"].close[names]
    return hold([whole.iloc[-1].idxmax()], market)
""",
    ),
    "bars in the table of modules": (
        "sys.modules",
        """
import sys, types
sys.modules["corpus_of_bars"] = types.SimpleNamespace(close=bars.close[names])
def decide(market, account, mandate):
    later = sys.modules["corpus_of_bars"].close.loc[market.as_of:].iloc[:5]
    return hold([later.iloc[-1].idxmax()], market)
""",
    ),
    "bars by the globals of a function": (
        "__globals__",
        """
def decide(market, account, mandate):
    whole = hold.__globals__["bars"].close[names]
    return hold([whole.loc[market.as_of:].iloc[:5].iloc[-1].idxmax()], market)
""",
    ),
    "bars found by the garbage collector": (
        "gc.get_objects",
        """
import gc
def decide(market, account, mandate):
    frames = [o for o in gc.get_objects() if isinstance(o, pd.DataFrame) and list(o.columns[:6]) == names]
    longest = max(frames, key=len, default=market.close[names])
    return hold([longest[names].iloc[-1].idxmax()], market)
""",
    ),
    "the first of a set": (
        "order of a set of words",
        """
def decide(market, account, mandate):
    rising = {s for s in names if market.close[s].iloc[-1] > market.close[s].iloc[-20]}
    return hold(list(rising)[:2] or ["A"], market)
""",
    ),
    "a set numbered": (
        "enumerate over a set",
        """
def decide(market, account, mandate):
    weights = {s: 0.1 * (i + 1) for i, s in enumerate(set(names[:3]))}
    return aura.TargetWeights(weights, market.as_of)
""",
    ),
    "what a set gives first": (
        "pop of a set",
        """
def decide(market, account, mandate):
    left = set(names) - {"A"}
    return hold([left.pop()], market)
""",
    ),
}

INDICATORS: dict[str, tuple[str, str]] = {}
