"""What the rules look at: the context with its sums made once, and what the legs approved so far would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from aura_lib.core import Account, AssetClass, DataError, Instrument, Intent, Order, Side, rate
from aura_lib.risk.packages import Options, changes, cost
from aura_lib.risk.pretrade.context import Context
from aura_lib.risk.pretrade.limits import TradeLimits
from aura_lib.risk.pretrade.reserved import Reserved, reserved

ZERO, ONE = Decimal(0), Decimal(1)
UNKNOWN = "unknown"
AHEAD = timedelta(seconds=5)  # that a feed's clock may be before ours
MINUTE = timedelta(minutes=1)
ALWAYS_OPEN = frozenset({AssetClass.CRYPTO, AssetClass.FX})


@dataclass(eq=False)
class Scene:
    """A context under limits, for some intents. Feed it the legs that were approved with `take`."""

    context: Context
    limits: TradeLimits
    intents: Sequence[Intent] = ()
    taken: list[Intent] = field(default_factory=list)
    spent: Decimal = ZERO
    _sums: dict[tuple[str, Side], Decimal] = field(default_factory=dict)  # of what was taken, by symbol and side

    # ---- prices ----------------------------------------------------------------------------------------------------
    @cached_property
    def prices(self) -> Mapping[str, Decimal]:
        """Symbol → price, of those that are positive numbers and fresh, and that anything here is valued at."""
        told, wanted = self.context.prices, self._wanted
        return {
            s: told[s].value for s in (told if wanted is None else wanted) if s in told and not self.why_no_price(s)
        }

    @property
    def _wanted(self) -> set[str] | None:
        """The symbols whose prices matter; None for all, where a currency has to be converted."""
        context, own = self.context, self.context.account.currency
        known = [p.instrument for a in (context.account, context.book) for p in a.positions.values()]
        wished = [*self.intents, *(o.intent for o in context.orders)]
        known += [instrument for intent in wished for instrument, _ in intent.traded]
        foreign = any(i.currency != own for i in known) or context.account.balances or context.book.balances
        return None if foreign else {instrument.symbol for instrument in known}

    def why_no_price(self, symbol: str) -> str:
        """Why a symbol has no price; empty when it has a fresh one."""
        price = self.context.prices.get(symbol)
        if price is None:
            return "none"
        if not price.value.is_finite() or price.value <= 0:
            return str(price.value)
        if price.time is None:
            return "without a time"
        if price.time > self.context.now + AHEAD:
            return f"of {price.time:%Y-%m-%d %H:%M:%S}, which is yet to come"
        return "" if price.time >= self.freshest else f"of {price.time:%Y-%m-%d %H:%M:%S}"

    @cached_property
    def freshest(self) -> datetime:
        """Prices of before this moment are none. The time that the market was closed does not age them."""
        age, trading, now = self.limits.max_price_age, self.context.trading, self.context.now
        if age is None:
            return trading.last_open if trading else datetime.min.replace(tzinfo=UTC)
        on = trading is None or trading.state in ("open", "break")
        until = now if trading is None or on else trading.last_close
        return until - timedelta(seconds=age)

    def worth(self, instrument: Instrument, quantity: Decimal, price: Decimal | None = None) -> Decimal:
        """Money in the account's currency, at a price (at the fresh one if none is given); DataError without one."""
        price = price if price is not None else self.prices.get(instrument.symbol)
        if price is None:
            raise DataError(f"no fresh price of {instrument.symbol}")
        value = quantity * price * instrument.multiplier
        own = self.context.account.currency
        return value if instrument.currency == own else value * rate(self.prices, instrument.currency, own)

    def equity(self, account: Account) -> Decimal:
        """What an account is worth at fresh prices; DataError where one is missing."""
        return account.equity(self.prices)

    # ---- the hours -------------------------------------------------------------------------------------------------
    def waits_for(self, intent: Intent) -> str:
        """The session that an order made while its market is closed is meant for; empty when it can trade now.

        Its price is then that of the session that ended last, and that is fresh: nothing newer was made.
        """
        trading, now = self.context.trading, self.context.now
        if trading is None or intent.instrument.asset_class in ALWAYS_OPEN or now >= trading.opens:
            return ""
        if intent.extended_hours and trading.state in ("pre", "post"):
            return ""
        return f"for the session of {trading.session}, which opens {trading.opens:%Y-%m-%d %H:%M} UTC"

    # ---- orders ----------------------------------------------------------------------------------------------------
    def about(self, intent: Intent) -> list[Order]:
        """The account's orders in anything that an intent trades."""
        if not intent.legs:
            return self._by_symbol.get(intent.symbol, [])
        named = {i.symbol for i, _ in intent.traded}
        return [
            order for order in self.context.orders if not named.isdisjoint(i.symbol for i, _ in order.intent.traded)
        ]

    @cached_property
    def _by_symbol(self) -> dict[str, list[Order]]:
        found: dict[str, list[Order]] = {}
        for order in self.context.orders:
            intent = order.intent
            for instrument in [leg.instrument for leg in intent.legs] or [intent.instrument]:
                found.setdefault(instrument.symbol, []).append(order)
        return found

    # ---- holdings --------------------------------------------------------------------------------------------------
    @cached_property
    def at_work(self) -> Reserved:
        """What the account's orders may still trade."""
        return reserved(self.context.orders)

    @cached_property
    def at_work_here(self) -> Reserved:
        """What the book's orders may still trade."""
        return reserved([o for o in self.context.orders if o.book == self.context.book.name])

    def closable(self, account: Account, at_work: Reserved, intent: Intent) -> Decimal:
        """How much an order of this side can close of a holding, once what is at work has done its part."""
        return self._closable(account, at_work, intent.symbol, intent.side)

    def _closable(self, account: Account, at_work: Reserved, symbol: str, side: Side) -> Decimal:
        held = account.quantity(symbol) * -side.sign  # positive: there is something to close
        return max(held - at_work.get((symbol, side), ZERO) - self._sums.get((symbol, side), ZERO), ZERO)

    def opened(self, intent: Intent) -> list[tuple[Instrument, Decimal]]:
        """How much of each instrument that an order trades closes nothing in its book, in units."""
        book, at_work = self.context.book, self.at_work_here
        sides = [(i, quantity, Side.BUY if quantity > 0 else Side.SELL) for i, quantity in intent.traded]
        return [(i, max(abs(q) - self._closable(book, at_work, i.symbol, side), ZERO)) for i, q, side in sides]

    def opens(self, intent: Intent) -> Decimal:
        """How much of an order closes nothing in its book, in units; packages count whole when a leg does so."""
        most = max(quantity for _, quantity in self.opened(intent))
        return most if not intent.legs else intent.quantity if most else ZERO

    @cached_property
    def packages(self) -> list[Intent]:
        """The packages of the book that are still on their way, as far as they are."""
        here = [
            o for o in self.context.orders if o.book == self.context.book.name and o.intent.legs and o.remaining > 0
        ]
        return [replace(order.intent, quantity=order.remaining) for order in here]

    @cached_property
    def singly(self) -> Reserved:
        """What the book's orders may still trade that are no packages, nor legs of one."""
        packages = {order.client_id for order in self.context.orders if order.intent.legs}
        if not packages:
            return self.at_work_here
        here = [o for o in self.context.orders if o.book == self.context.book.name]
        return reserved([o for o in here if o.client_id not in packages and o.parent not in packages])

    # ---- sectors ---------------------------------------------------------------------------------------------------
    def sector(self, symbol: str) -> str:
        """The sector of a symbol; an option belongs to that of its underlying."""
        return self.context.sectors.get(symbol) or UNKNOWN

    @cached_property
    def sectors(self) -> dict[str, Decimal]:
        """Sector → exposure of the book, with what is on its way and the legs taken so far."""
        book, total = self.context.book, dict[str, Decimal]()
        held = {s: (p.instrument, p.quantity) for s, p in book.positions.items() if p.quantity}
        for order in self.context.orders:
            if order.book == book.name:
                for instrument, _ in order.intent.traded:
                    held.setdefault(instrument.symbol, (instrument, ZERO))
        for symbol, (instrument, quantity) in held.items():
            coming = quantity + self.at_work_here.get((symbol, Side.BUY), ZERO)
            going = quantity - self.at_work_here.get((symbol, Side.SELL), ZERO)
            most = max(abs(coming), abs(quantity), abs(going) if going < 0 else ZERO)
            name = self.sector(instrument.underlying or symbol)
            total[name] = total.get(name, ZERO) + self.worth(instrument, most)
        return total

    # ---- legs ------------------------------------------------------------------------------------------------------
    def reference(self, intent: Intent) -> Decimal:
        """What an order may have to pay: its own limit where that is above the last price. DataError without one."""
        last = self.prices.get(intent.symbol)
        if last is None:
            raise DataError(f"no fresh price of {intent.symbol}")
        dear = max((p for p in (intent.limit_price, intent.stop_price) if p is not None), default=last)
        return max(last, dear) if intent.side is Side.BUY else last

    def exposure(self, intent: Intent) -> Decimal:
        """What an order opens, all its legs added up, in the account's currency."""
        if not intent.legs:
            return self.worth(intent.instrument, self.opens(intent), self.reference(intent))
        return sum((self.worth(i, quantity) for i, quantity in self.opened(intent)), ZERO)

    def value(self, intent: Intent) -> Decimal:
        """What an order needs in money: what it opens costs; packages what they may lose at most.

        Packages whose loss has no end need what all their legs are worth.
        """
        if not intent.legs:
            return self.exposure(intent)
        if not self.opens(intent):
            return ZERO
        added = self._options().added(changes(intent))
        paid = cost(intent, self.prices)
        if paid is None:
            raise DataError(f"no fresh price of all legs of {intent.symbol}")
        own, currency = self.context.account.currency, intent.instrument.currency
        paid = paid if currency == own else paid * rate(self.prices, currency, own)
        return self.exposure(intent) if added is None else max(paid + added, ZERO)

    def _options(self) -> Options:
        book, own = self.context.book, self.context.account.currency
        left = {s: quantity - self.singly.get((s, Side.SELL), ZERO) for s, quantity in book.holdings.items()}
        return Options(
            book, left, [*self.packages, *self.taken], lambda c: Decimal(1) if c == own else rate(self.prices, c, own)
        )  # fmt: skip

    def take(self, intent: Intent) -> None:
        """Let an approved leg count."""
        if self.opens(intent):
            self.spent += self.value(intent)
            if self._capped:
                name = self.sector(intent.instrument.underlying or intent.symbol)
                self.sectors[name] = self.sectors.get(name, ZERO) + self.exposure(intent)
        self.taken.append(intent)
        for instrument, quantity in intent.traded:
            way = instrument.symbol, Side.BUY if quantity > 0 else Side.SELL
            self._sums[way] = self._sums.get(way, ZERO) + abs(quantity)

    @property
    def _capped(self) -> bool:
        return self.limits.max_sector_weight is not None or bool(self.limits.sector_caps)
