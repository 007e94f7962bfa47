"""backtrader: buy 100 when the fast average is above the slow one, sell them when it is below."""

import json
import sys
from statistics import median
from time import perf_counter

import backtrader as bt
import numpy as np
import pandas as pd

given, times = np.load(sys.argv[1]), int(sys.argv[2])
frame = pd.DataFrame({name: given[name] for name in ("open", "high", "low", "close")})
frame["volume"] = 1e6
frame.index = pd.date_range("1990-01-01", periods=len(frame), freq="B")


class Cross(bt.Strategy):
    def __init__(self):
        self.fast, self.slow = (bt.ind.SMA(self.data.close, period=n) for n in (10, 20))
        self.done = 0

    def notify_order(self, order):
        self.done += order.status == order.Completed

    def next(self):
        if self.fast[0] > self.slow[0] and not self.position:
            self.buy(size=100)
        elif self.fast[0] < self.slow[0] and self.position:
            self.close()


taken = []
for _ in range(times):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(1_000_000)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(Cross)
    began = perf_counter()
    (strategy,) = cerebro.run()
    taken.append(perf_counter() - began)
print(json.dumps({"seconds": median(taken), "equity": cerebro.broker.getvalue(), "fills": strategy.done}))
