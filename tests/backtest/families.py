"""Families of random backtests, each with its plain recomputation, for the agreement of loop, vectorbt and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from aura_lib import backtest
from aura_lib.core import (
    Account,
    AssetClass,
    Bars,
    Instrument,
    Intent,
    Mandate,
    Market,
    OrderType,
    Right,
    Side,
    TimeInForce,
)
from aura_lib.exchange import Borrow, Costs, FillModel, Interest
from aura_lib.risk import Limits
from tests.backtest.scenarios import times
from tests.oracle.plain_books import World, play
from tests.oracle.plain_exchange import Venue

D = Decimal
FREE = Limits(max_position_weight=1e6, max_order_weight=1e6, max_gross=1e6, max_orders=10_000)
BPS = D(7)


@dataclass(frozen=True)
class Played:
    """One backtest, what a plain model makes of the orders it sent, and how many trades that model counts."""

    result: backtest.Backtest
    equity: list[Fraction]
    trades: int


@dataclass(frozen=True)
class Family:
    """A kind of backtest; `vectorbt` says whether vectorbt can hold it, and `why` why it cannot."""

    name: str
    make: Callable[[int, int], Played]
    why: str = ""

    @property
    def vectorbt(self) -> bool:
        return not self.why


# ── orders of all types on a long cash account ──────────────────────────────────────────────────────────────────────


def candles(
    rng: np.random.Generator, sessions: int, symbols: int = 3, *, wild: float = 0.02, gaps: float = 0.0
) -> Bars:
    """Random walks with an open that jumps away from the last close, and a volume; prices on cents."""
    shape = (sessions, symbols)
    close = 100 * np.exp(rng.normal(0, wild, shape).cumsum(axis=0))
    opened = np.vstack([np.full((1, symbols), 100.0), close[:-1]]) * np.exp(rng.normal(0, wild / 2, shape))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, wild / 2, shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, wild / 2, shape)))
    fields = {"open": opened, "high": high, "low": low, "close": close}
    fields = {name: np.round(values, 2) for name, values in fields.items()}
    fields["volume"] = rng.integers(100, 3000, shape).astype(float)
    missing = rng.random(shape) < gaps
    names = [f"S{n}" for n in range(symbols)]
    frames = {n: pd.DataFrame(np.where(missing, np.nan, v), times(sessions), names) for n, v in fields.items()}
    return Bars(frames, source="random", adjustment="")


def wishes(seed: int, kinds: tuple[OrderType, ...], forces: tuple[TimeInForce, ...]) -> Callable[..., list[Intent]]:
    """A strategy of random orders around the last price."""

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        rng = np.random.default_rng([seed, len(market)])
        found = []
        for symbol in mandate.universe:
            last = market.price(symbol)
            if last != last or rng.random() < 0.4:
                continue
            held = int(account.quantity(symbol))
            kind = kinds[int(rng.integers(len(kinds)))]
            sells = held > 0 and rng.random() < 0.5 and kind is not OrderType.BRACKET
            units = int(rng.integers(1, held + 1)) if sells else int(rng.integers(1, 60))
            side = Side.SELL if sells else Side.BUY
            prices = _prices(rng, kind, side, last)
            force = forces[int(rng.integers(len(forces)))]
            found.append(Intent(market.instruments[symbol], side, D(units), kind, time_in_force=force, **prices))
        return found

    return decide


def _prices(rng: np.random.Generator, kind: OrderType, side: Side, last: float) -> dict[str, Decimal]:
    def at(percent: float) -> Decimal:
        return D(str(round(last * (1 + side.sign * percent / 100), 2)))

    near = float(rng.uniform(0.2, 3))
    return {
        OrderType.MARKET: {},
        OrderType.LIMIT: {"limit_price": at(-near)},
        OrderType.STOP: {"stop_price": at(near)},
        OrderType.STOP_LIMIT: {"stop_price": at(near), "limit_price": at(near + 1)},
        OrderType.TRAILING_STOP: {"trail_percent": D(3)},
        OrderType.BRACKET: {"take_profit": at(near + 1), "stop_loss": at(-near - 1)},
    }[kind]


def ordered(
    kinds: tuple[OrderType, ...],
    forces: tuple[TimeInForce, ...] = (TimeInForce.DAY, TimeInForce.GTC),
    *,
    at: Any = "close",
    share: str | None = None,
    cash: int = 100_000,
    **given: Any,
) -> Callable[[int, int], Played]:
    """Orders of some types against the plain venue."""

    def make(seed: int, sessions: int) -> Played:
        bars = candles(np.random.default_rng([seed, 51]), sessions, **given)
        mandate = Mandate(bars.symbols, D(cash))
        model = FillModel(at, None if share is None else D(share))
        result = backtest.run(
            wishes(seed, kinds, forces), bars, mandate, schedule="XNYS daily close", fills=model, limits=FREE,
            costs=Costs(BPS, D(0), BPS),
        )  # fmt: skip
        venue = Venue(cash, at=at, share=share, commission_bps=BPS, slippage_bps=BPS)
        return Played(result, _along(venue, result), len(venue.trades))

    return make


def _along(venue: Venue, result: backtest.Backtest) -> list[Fraction]:
    """Play the orders that were sent through the plain venue, and value it at every bar."""
    bars, marks, path = result.bars, {}, []
    waiting = [o for o in result.replay.orders if not o.client_id.endswith("/exit")]
    fields = [bars.fields[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    for row, time in enumerate(bars.times):
        told = {
            s: tuple(Fraction(repr(float(f[row, n]))) for f in fields)
            for n, s in enumerate(bars.symbols)
            if fields[3][row, n] == fields[3][row, n]
        }
        venue.bar(told)
        marks |= {s: bar[3] for s, bar in told.items()}
        path.append(venue.cash + sum((q * marks[s] for s, q in venue.held.items() if q), Fraction(0)))
        for order in [o for o in waiting if o.time == time]:
            venue.submit(**plainly(order.client_id, order.intent))
    return path


def plainly(name: str, intent: Intent) -> dict[str, Any]:
    """An order in the words of the plain venue."""
    told = {"id": name, "symbol": intent.symbol, "side": intent.side.value, "type": intent.type.value}
    told |= {"quantity": Fraction(intent.quantity), "force": intent.time_in_force.value}  # type: ignore[dict-item]
    limit = "stop_limit" if intent.type is OrderType.STOP_LIMIT else "limit"
    prices = {
        "stop": intent.stop_price, "amount": intent.trail_amount, "percent": intent.trail_percent,
        limit: intent.limit_price, "take": intent.take_profit, "loss": intent.stop_loss,
    }  # fmt: skip
    return told | {key: Fraction(price) for key, price in prices.items() if price is not None}


# ── accounts on margin, in several currencies, with actions and options ─────────────────────────────────────────────


@dataclass(frozen=True)
class Setting:
    """What a family of margin accounts has: costs of holding, actions, currencies, options."""

    short: bool = True
    gross: float = 3.0
    costs: Costs = field(default_factory=lambda: Costs(BPS, D(0), BPS))
    carry: dict[str, float] = field(default_factory=dict)
    actions: bool = False
    splits: bool = False
    currencies: bool = False
    options: bool = False
    size: int = 40


def margined(setting: Setting) -> Callable[[int, int], Played]:
    """Random market orders on a margin account against the plain books."""

    def make(seed: int, sessions: int) -> Played:
        rng = np.random.default_rng([seed, 52])
        bars, world = _world(rng, sessions, setting)
        mandate = Mandate(bars.symbols, D(1_000_000), short=setting.short, max_gross=setting.gross)
        actions = _table(world, bars) if world.actions else None
        free = replace(FREE, short=setting.short)
        result = backtest.run(
            _both_ways(seed, setting, world), bars, mandate, schedule="XNYS daily close", limits=free,
            costs=setting.costs, actions=actions,
        )  # fmt: skip
        rows = {time.to_pydatetime(): n for n, time in enumerate(bars.times)}
        sent = [(rows[o.time], o.intent.symbol, int(o.intent.signed)) for o in result.replay.orders]
        path, trades = play(world, [o for o in sent if o[0] < len(bars) - 1])
        return Played(result, path, trades)

    return make


def _world(rng: np.random.Generator, sessions: int, setting: Setting) -> tuple[Bars, World]:
    names = ["S0", "S1", "S2"]
    paths = np.round(100 * np.exp(rng.normal(0, 0.012, (sessions, 3)).cumsum(axis=0)), 2)
    index = times(sessions)
    actions = _actions(rng, paths, names, setting) if setting.actions or setting.splits else {}
    closes = {name: paths[:, n] for n, name in enumerate(names)}
    instruments = {name: Instrument(name) for name in names}
    currency: dict[str, str] = {}
    if setting.currencies:
        closes["EURUSD"] = np.round(1.1 * np.exp(rng.normal(0, 0.004, sessions).cumsum()), 5)
        instruments |= {"S1": Instrument("S1", currency="EUR"), "EURUSD": Instrument("EURUSD", AssetClass.FX)}
        currency["S1"] = "EUR"
    options: dict[str, tuple[str, float, str, int]] = {}
    if setting.options:
        for last in range(8, sessions, 8):
            for right in (Right.CALL, Right.PUT):
                name = f"O{last}{right.value[0]}"
                strike = float(round(closes["S0"][last - 7]))
                spot = closes["S0"]
                inner = spot - strike if right is Right.CALL else strike - spot
                closes[name] = np.round(np.maximum(inner, 0) + 1.5, 2)
                closes[name][last + 1 :] = np.nan
                options[name] = ("S0", strike, right.value, last)
                instruments[name] = Instrument(
                    name, AssetClass.OPTION, multiplier=D(100), underlying="S0", expiry=index[last].date(),
                    strike=D(str(strike)), right=right,
                )  # fmt: skip
    frame = pd.DataFrame(closes, index=index)
    bars = Bars({"close": frame}, source="random", adjustment="", instruments=instruments)
    world = World(
        {s: frame[s].tolist() for s in frame}, [t.date() for t in index], 1_000_000, currency,
        dict.fromkeys(options, 100), options, actions, float(setting.costs.slippage_bps),
        float(setting.costs.commission_bps), **setting.carry,
    )  # fmt: skip
    return bars, world


def _actions(rng: np.random.Generator, paths: Any, names: list[str], setting: Setting) -> dict[int, list[Any]]:
    """Dividends and splits on some days; a split divides all prices from then on."""
    found: dict[int, list[Any]] = {}
    for row in range(3, len(paths), 5):
        n = int(rng.integers(3))
        split = float(rng.choice([2.0, 3.0, 0.5])) if setting.splits and row % 2 else float("nan")
        paid = round(float(rng.uniform(0.1, 2)), 2) if setting.actions else float("nan")
        if split == split:
            paths[row:, n] = np.round(paths[row:, n] / split, 2)
        if split == split or paid == paid:
            found[row] = [(names[n], paid, split)]
    return found


def _table(world: World, bars: Bars) -> pd.DataFrame:
    rows = [
        (bars.times[row] - timedelta(hours=7), symbol, dividend, split)
        for row, told in world.actions.items()
        for symbol, dividend, split in told
    ]
    return pd.DataFrame(rows, columns=["time", "symbol", "dividend", "split"])


def _both_ways(seed: int, setting: Setting, world: World) -> Callable[..., list[Intent]]:
    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        rng = np.random.default_rng([seed, len(market)])
        row, found = len(market) - 1, []
        for symbol, instrument in market.instruments.items():
            last = world.options.get(symbol, ("", 0, "", 10**9))[3]
            if (
                instrument.asset_class is AssetClass.FX
                or rng.random() < 0.5
                or not (last - 6 <= row < last - 1 or last == 10**9)
            ):
                continue
            most = 2 if symbol in world.options else setting.size
            units = int(rng.integers(-most if setting.short else 1, most + 1))
            if not setting.short and account.quantity(symbol) > 0 and rng.random() < 0.5:
                units = -int(account.quantity(symbol))
            if units:
                found.append(Intent(instrument, Side.BUY if units > 0 else Side.SELL, D(abs(units))))
        return found

    return decide


M, L, S, T = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, TimeInForce
CARRY = Costs(BPS, D(0), BPS, borrow=Borrow(D("0.05")), interest=Interest(D("0.02"), D("0.06")))
BOOKED = "it has no bookings besides trades"

FAMILIES = [
    Family("market orders at the close", ordered((M,))),
    Family("market orders at the open", ordered((M,), at="open")),
    Family("market orders at the typical price", ordered((M,), at="vwap")),
    Family("limits", ordered((L,))),
    Family("stops", ordered((S, M))),
    Family("stop-limits", ordered((OrderType.STOP_LIMIT, M))),
    Family("trailing stops", ordered((OrderType.TRAILING_STOP, M))),
    Family("brackets", ordered((OrderType.BRACKET,))),
    Family("gaps", ordered((L, S, M), wild=0.08)),
    Family("bars without a trade", ordered((L, S, M), gaps=0.15)),
    Family("a share of the volume", ordered((M, L), (T.GTC,), share="0.02")),
    Family("at once or not at all", ordered((M, L), (T.IOC, T.FOK), share="0.05")),
    Family("little cash", ordered((M, L, S), cash=6_000)),
    Family("shorts", margined(Setting())),
    Family("leverage", margined(Setting(short=False, size=1500)), "its cash cannot fall below zero"),
    Family("dividends", margined(Setting(actions=True)), BOOKED),
    Family("splits", margined(Setting(splits=True)), BOOKED),
    Family(
        "borrow and interest",
        margined(Setting(costs=CARRY, carry={"borrow": 0.05, "credit": 0.02, "debit": 0.06})),
        BOOKED,
    ),
    Family("currencies", margined(Setting(currencies=True, short=False)), "it knows one currency"),
    Family("options", margined(Setting(options=True)), BOOKED),
]
