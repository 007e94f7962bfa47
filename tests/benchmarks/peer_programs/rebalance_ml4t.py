"""ml4t-backtest: at the given rows hold equal weights of the best fifty of 250 by one-year momentum, in whole units."""

import json
import math
import sys
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter

import numpy as np
import polars as pl
from ml4t.backtest import BacktestConfig, CommissionType, DataFeed, Engine, OrderSide, Strategy
from ml4t.backtest.config import SlippageType

given, times = np.load(sys.argv[1]), int(sys.argv[2])
close, slots, buffer, cash = given["close"], set(given["slots"].tolist()), float(given["buffer"]), float(given["cash"])
bars, symbols = close.shape
names = [f"A{n:03d}" for n in range(symbols)]
days = [datetime(2000, 1, 1) + timedelta(days=n) for n in range(bars)]  # noqa: DTZ001
price = close.ravel()
frame = pl.DataFrame(
    {
        "timestamp": np.repeat(np.array(days, dtype="datetime64[us]"), symbols),
        "symbol": names * bars,
        **dict.fromkeys(("open", "high", "low", "close"), price),
        "volume": np.full(price.size, 1e9),
    }
)


class Momentum(Strategy):
    def __init__(self):
        self.row = -1

    def on_data(self, timestamp, data, context, broker):
        self.row += 1
        if self.row not in slots:
            return
        now = close[self.row]
        best = np.argsort(-(now / close[self.row - 252]), kind="stable")[:50]
        room = broker.get_account_value() * (1 - buffer)
        wanted = {names[n]: math.floor(0.02 * room / now[n]) for n in best.tolist()}
        held = {name: position.quantity for name, position in broker.get_positions().items() if position.quantity}
        change = {s: wanted.get(s, 0) - held.get(s, 0) for s in sorted(wanted.keys() | held.keys())}
        for symbol, units in sorted(change.items(), key=lambda leg: leg[1] > 0):
            if units:
                broker.submit_order(symbol, abs(units), OrderSide.BUY if units > 0 else OrderSide.SELL)


taken = []
for _ in range(times):
    config = BacktestConfig(initial_cash=cash, commission_type=CommissionType.NONE, slippage_type=SlippageType.NONE)
    engine = Engine(DataFeed(prices_df=frame), Momentum(), config)
    began = perf_counter()
    result = engine.run()
    taken.append(perf_counter() - began)
fills = len(engine.broker.fills)
print(json.dumps({"seconds": median(taken), "equity": engine.broker.get_account_value(), "fills": fills}))
