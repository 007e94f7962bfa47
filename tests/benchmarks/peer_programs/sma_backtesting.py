"""backtesting.py: buy 100 when the fast average is above the slow one, sell them when it is below."""

import json
import sys
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

given, times = np.load(sys.argv[1]), int(sys.argv[2])
frame = pd.DataFrame({name.title(): given[name] for name in ("open", "high", "low", "close")})
frame.index = pd.date_range("1990-01-01", periods=len(frame), freq="B")


def average(values, window):
    return pd.Series(values).rolling(window).mean()


class Cross(Strategy):
    def init(self):
        self.fast, self.slow = (self.I(average, self.data.Close, n) for n in (10, 20))

    def next(self):
        if self.fast[-1] > self.slow[-1] and not self.position:
            self.buy(size=100)
        elif self.fast[-1] < self.slow[-1] and self.position:
            self.position.close()


taken = []
for _ in range(times):
    test = Backtest(frame, Cross, cash=1_000_000, commission=0.0, finalize_trades=False)
    began = perf_counter()
    stats = test.run()
    taken.append(perf_counter() - began)
curve = stats["_equity_curve"]["Equity"]
print(json.dumps({"seconds": median(taken), "equity": float(curve.iloc[-1]), "trades": len(stats["_trades"])}))
