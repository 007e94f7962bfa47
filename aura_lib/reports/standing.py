"""How an account, or one of its books, stands: read from the ledger, valued at the prices its clock has seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from aura_lib import data
from aura_lib.backtest.statistics import periods_per_year, statistics
from aura_lib.core import INCOME, LIVE, Account, Booking, BookingKind, Fill, InputError, Mode, Settings, Transfer
from aura_lib.execution import Terms, account_terms, accounts
from aura_lib.ledger import Ledger
from aura_lib.reports import tables
from aura_lib.reports.about import About
from aura_lib.reports.accounting import blotter_table, lots_of
from aura_lib.reports.marking import Rates, apart, marked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from aura_lib.core import Bars, Order, Position, Run
    from aura_lib.ledger.views import AccountView, Event


@dataclass(frozen=True, eq=False)
class Standing:
    """An account or a book at the moment its clock shows. Times are UTC, money is in `currency`.

    Other currencies count at the rates of the pairs among its prices; what has none is `apart`, in no figure.

    `equity`, `cash`, `paid` and `benchmark` have a row a bar, from the bar of the first decision. `paid` is what came
    in from outside in a bar (money, and units at their close) or, negative, went; returns leave it out. `units` is
    time × symbol.
    `prices` are the last closes known at `as_of`. `benchmark` is None where the source has no such symbol.
    """

    account: str
    book: str | None
    terms: Terms
    as_of: datetime
    state: Account
    bars: Bars
    equity: pd.Series
    cash: pd.Series
    units: pd.DataFrame
    paid: pd.Series
    benchmark: pd.Series | None
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    runs: tuple[Run, ...]
    halted: str
    drift: str
    view: AccountView

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.account} · {self.book}" if self.book else self.account

    @property
    def currency(self) -> str:
        """The currency of all amounts."""
        return self.terms.currency

    @property
    def simulated(self) -> bool:
        """Whether no real money is in it."""
        return self.terms.account_class is not Mode.LIVE

    @property
    def about(self) -> About:
        """What every figure of it says."""
        name = "" if self.benchmark is None else str(self.benchmark.name)
        source = f"ledger of account {self.account}, prices of {self.bars.source}"
        return About(self.book or self.account, name, source, self.as_of, self.currency)

    @property
    def returns(self) -> pd.Series:
        """Simple returns of the equity, a bar; what was paid in or out is none."""
        grown = (self.equity - self.paid) / self.equity.shift() - 1
        return pd.Series(grown.iloc[1:])

    @cached_property
    def growth(self) -> pd.Series:
        """What the equity at the start has become by its returns alone: the equity itself where nothing was paid."""
        if not self.paid.iloc[1:].any():
            return self.equity
        grown = (1 + self.returns.reindex(self.equity.index, fill_value=0.0)).cumprod()
        return pd.Series(grown * self.equity.iloc[0], name="equity")

    @cached_property
    def statistics(self) -> dict[str, float]:
        """The figures of `backtest.statistics` for the equity; what was paid in or out is no gain."""
        return statistics(self.growth, periods_per_year(self.bars.frequency, self.bars.calendar))

    @cached_property
    def index(self) -> dict[str, float]:
        """The same figures for the benchmark over the same bars; empty where there is none."""
        if self.benchmark is None or not (self.benchmark > 0).all():
            return {}
        return statistics(self.benchmark, periods_per_year(self.bars.frequency, self.bars.calendar))

    @property
    def change(self) -> float:
        """What the equity gained since the bar before, in `currency`; what was paid in or out is no gain."""
        if len(self.equity) < 2:
            return 0.0
        return float(self.equity.iloc[-1] - self.equity.iloc[-2] - self.paid.iloc[-1])

    @property
    def below_peak(self) -> float:
        """How far the equity stands below its highest value, as a fraction ≤ 0."""
        return float(self.growth.iloc[-1] / self.growth.max() - 1)

    @property
    def weights(self) -> pd.DataFrame:
        """What each holding was of the equity, time × symbol; the rest is cash."""
        closes = self.bars.close.ffill()[list(self.units.columns)]
        value = {}
        for symbol in self.units.columns:
            instrument = self.bars.instruments[symbol]
            rate = self.rates.of(instrument.currency)
            scale = float(instrument.multiplier) * (0.0 if rate is None else rate)
            value[symbol] = self.units[symbol] * closes[symbol] * scale
        return pd.DataFrame(value, self.units.index, columns=self.units.columns).fillna(0.0).div(self.equity, axis=0)

    @property
    def working(self) -> tuple[Order, ...]:
        """The orders that may still be filled."""
        return tuple(order for order in self.orders if order.status in LIVE)

    @cached_property
    def rates(self) -> Rates:
        """What other currencies are worth in this one."""
        return Rates(self.bars, self.currency)

    @cached_property
    def apart(self) -> str:
        """What no figure here contains, since no exchange rate is known for it; empty where there is no such thing."""
        left = apart(self.state, self.rates)
        return f"Not in these figures, for want of an exchange rate into {self.currency}: {', '.join(left)}." * bool(
            left
        )

    def holdings(self) -> pd.DataFrame:
        """A row a holding, largest first: units, prices, value, weight, P&L since bought and since the bar before.

        Average cost and price are in the instrument's currency, all else in the account's; NaN without a rate.
        """
        rows = [self._holding(p) for p in self.state.positions.values() if p.quantity]
        columns = ["symbol", "quantity", "average cost", "price", "value", "weight", "change", "unrealised", "return",
                   "realised"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns).sort_values("value", ascending=False, ignore_index=True)

    def _holding(self, position: Position) -> dict[str, object]:
        symbol, known = position.instrument.symbol, self.rates.last(position.instrument.currency)
        closes, rate = self.bars.close[symbol].ffill(), float("nan") if known is None else known
        price, before = float(closes.iloc[-1]), float(closes.iloc[-2 if len(closes) > 1 else -1])
        scale = float(position.quantity * position.instrument.multiplier) * rate
        cost = float(position.average_cost)
        return {
            "symbol": symbol,
            "quantity": position.quantity,
            "average cost": round(cost, 4),
            "price": round(price, 4),
            "value": scale * price,
            "weight": _share(scale * price, self.equity.iloc[-1]),
            "change": _share(price - before, before),
            "unrealised": scale * (price - cost),
            "return": _share(price - cost, cost),
            "realised": float(position.realised) * rate,
        }

    def orders_table(self) -> pd.DataFrame:
        """A row an order, newest first."""
        rows = [
            {"time": o.time, "symbol": o.intent.symbol, "side": o.intent.side.value, "quantity": o.intent.quantity,
             "filled": o.filled, "type": o.intent.type.value, "status": o.status.value, "reason": o.reason,
             "why": o.intent.reason}
            for o in sorted(self.orders, key=lambda o: o.time, reverse=True)
        ]  # fmt: skip
        columns = ["time", "symbol", "side", "quantity", "filled", "type", "status", "reason", "why"]
        return pd.DataFrame(rows, columns=columns)

    def fills_table(self) -> pd.DataFrame:
        """A row a fill, newest first."""
        return tables.fills(self.fills).iloc[::-1].reset_index(drop=True)

    @cached_property
    def lots(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The tax lots held and those closed, exact (see `reports.lots_of`)."""
        return lots_of(self.view, self.bars, book=self.book)

    @cached_property
    def gains(self) -> dict[str, float]:
        """Realised and unrealised by the tax lots, income and fees, in `currency`.

        What was in another one counts at the rate of its day, what is unrealised at the newest.
        """
        held, gone = self.lots
        told = {"realised": 0.0, "unrealised": 0.0, "income": 0.0, "fees": 0.0}
        for gain, currency, moment in zip(gone["realised"], gone["currency"], gone["closed"], strict=True):
            told["realised"] += float(gain) * (self.rates.at(currency, moment) or 0.0)
        for gain, currency in zip(held["unrealised"], held["currency"], strict=True):
            told["unrealised"] += float(gain) * (self.rates.last(currency) or 0.0)
        for name, amount, currency, moment in self._income_and_fees():
            told[name] += float(amount) * (self.rates.at(currency, moment) or 0.0)
        return told

    def _income_and_fees(self) -> Iterator[tuple[str, Decimal, str, datetime]]:
        for event in self.view.events:
            if isinstance(event, Transfer) or self.book not in (None, event.book):
                continue
            if isinstance(event, Fill):
                yield "fees", -event.fee, event.instrument.currency, event.time
            elif event.kind in INCOME or event.kind is BookingKind.FEE:
                name = "fees" if event.kind is BookingKind.FEE else "income"
                yield name, event.cash, event.currency, event.time

    def income_table(self) -> pd.DataFrame:
        """A row a dividend, interest or borrow cost, newest first."""
        told = [b for b in self.view.events if isinstance(b, Booking) and b.kind in INCOME]
        mine = [b for b in reversed(told) if self.book in (None, b.book)]
        rows = [(b.time, b.book, b.kind.value, b.symbol, b.cash, b.currency, b.note) for b in mine]
        columns = ["time", "book", "kind", "symbol", "amount", "currency", "note"]
        return pd.DataFrame(rows, columns=columns, dtype="object")

    def blotter(self) -> pd.DataFrame:
        """Everything that happened, in order of time, exact (see `reports.blotter_table`)."""
        return blotter_table(self.view, self.book)

    def runs_table(self) -> pd.DataFrame:
        """A row a run, newest first; `run` is its id."""
        rows = [
            {"slot": pd.Timestamp(r.slot) if r.slot else None, "run": r.id, "job": r.job, "status": r.status.value,
             "approved": r.results.get("approved"), "rejected": r.results.get("rejected"), "started": r.started,
             "seconds": round((r.ended - r.started).total_seconds(), 1) if r.ended else None, "error": r.error}
            for r in self.runs[::-1]
        ]  # fmt: skip
        columns = ["slot", "run", "job", "status", "approved", "rejected", "started", "seconds", "error"]
        return pd.DataFrame(rows, columns=columns)


def books(ledger: Ledger) -> list[tuple[str, str | None]]:
    """Every account and every book of it: (account, None) is the whole account, left out where it is one book."""
    found: list[tuple[str, str | None]] = []
    for name in accounts(ledger):
        held = sorted(ledger.account(name).cash)
        found += [(name, None)] if len(held) != 1 else []
        found += [(name, book) for book in held]
    return found


def standing(
    ledger: Ledger, account: str, book: str | None = None, *, benchmark: str = "SP500", settings: Settings | None = None
) -> Standing:
    """How a book of an account stands where its clock is (the whole account when no book is named).

    Raises InputError for an account or book that is not there or has no money yet, DataError when its prices are gone.
    """
    terms, view = account_terms(ledger, account), ledger.account(account)
    if book is not None and book not in view.cash:
        raise InputError(f"account {account} has no book {book!r}; books: {', '.join(sorted(view.cash)) or 'none'}")
    clock = ledger.control.clock(account)
    if clock is None or clock[1] is None or not view.cash:
        raise InputError(f"account {account} has not traded yet: run a job on it, `aura job run NAME`")
    bars = _bars(terms, view, book, clock[1], settings)
    fills = tuple(f for f in view.fills if book in (None, f.book))
    equity, cash, units, paid = marked(view, bars, book)
    return Standing(
        account, book, terms, clock[1], view.account(book), bars, equity, cash, units, paid,
        _benchmark(benchmark, bars, settings),
        tuple(o for o in view.orders.values() if book in (None, o.book)),
        fills,
        tuple(run for run in ledger.runs() if run.mode is terms.account_class and _ran_for(run, view, book)),
        ledger.control.halted(account) or "",
        view.drift,
        view,
    )  # fmt: skip


def _bars(terms: Terms, view: AccountView, book: str | None, until: datetime, settings: Settings | None) -> Bars:
    """The prices the account has seen, from the bar in which its first decision was made, or its first units came."""
    slots = [v.basket.slot for v in view.verdicts.values() if book in (None, v.basket.book)]
    slots = slots or [e.time for e in view.events if _of(e, book) and e.instrument is not None]
    bars = data.load(source=terms.source, calendar=terms.calendar, as_of=until, settings=settings)
    return bars.between(min(slots, default=until), until)


def _of(event: Event, book: str | None) -> bool:
    return book is None or book in ((event.source, event.target) if isinstance(event, Transfer) else (event.book,))


def _benchmark(name: str, bars: Bars, settings: Settings | None) -> pd.Series | None:
    if not name or name not in data.symbols(bars.source):
        return None
    prices = data.load([name], source=bars.source, as_of=bars.end, settings=settings).close[name]
    return prices.reindex(bars.times, method="ffill")


def _ran_for(run: Run, view: AccountView, book: str | None) -> bool:
    """Whether a run proposed to this account and book, or would have had it not failed before."""
    verdict = view.verdicts.get(run.basket)
    if verdict is not None:
        return book in (None, verdict.basket.book)
    return not run.basket and run.parameters.get("book") in (view.cash if book is None else (book,))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
