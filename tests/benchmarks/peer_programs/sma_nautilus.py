"""nautilus_trader: buy 100 when the fast average is above the slow one, sell them when it is below."""

import json
import sys
from decimal import Decimal
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

given, times = np.load(sys.argv[1]), int(sys.argv[2])
frame = pd.DataFrame({name: given[name] for name in ("open", "high", "low", "close")})
frame["volume"] = 1e6
frame.index = pd.date_range("1990-01-01", periods=len(frame), freq="B", tz="UTC")
CAPITAL, VENUE = 1_000_000, Venue("SIM")
EQUITY = Equity(
    InstrumentId(Symbol("A"), VENUE), Symbol("A"), USD, price_precision=2, price_increment=Price.from_str("0.01"),
    lot_size=Quantity.from_int(1), ts_event=0, ts_init=0, maker_fee=Decimal(0), taker_fee=Decimal(0),
)  # fmt: skip
BARS = BarType.from_str("A.SIM-1-DAY-LAST-EXTERNAL")
DATA = BarDataWrangler(BARS, EQUITY).process(frame)


class Cross(Strategy):
    def on_start(self):
        self.fast, self.slow = SimpleMovingAverage(10), SimpleMovingAverage(20)
        self.register_indicator_for_bars(BARS, self.fast)
        self.register_indicator_for_bars(BARS, self.slow)
        self.subscribe_bars(BARS)
        self.size = EQUITY.make_qty(100)
        self.fills = 0

    def on_bar(self, bar):
        if not self.slow.initialized:
            return
        held = self.portfolio.is_net_long(EQUITY.id)
        if self.fast.value > self.slow.value and not held:
            self.submit_order(self.order_factory.market(EQUITY.id, OrderSide.BUY, self.size))
        elif self.fast.value < self.slow.value and held:
            self.submit_order(self.order_factory.market(EQUITY.id, OrderSide.SELL, self.size))

    def on_order_filled(self, event):
        self.fills += 1


taken = []
for _ in range(times):
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.CASH, [Money(CAPITAL, USD)], base_currency=USD, bar_execution=True
    )
    engine.add_instrument(EQUITY)
    engine.add_data(DATA)
    strategy = Cross()
    engine.add_strategy(strategy)
    began = perf_counter()
    engine.run()
    taken.append(perf_counter() - began)
    cash = float(engine.portfolio.account(VENUE).balance_total(USD))
    units = float(engine.portfolio.net_position(EQUITY.id))
    fills = strategy.fills
    engine.dispose()
equity = cash + units * float(given["close"][-1])
print(json.dumps({"seconds": median(taken), "equity": equity, "fills": fills}))
