"""A person at the desk of a rehearsal: orders of their own, far from the market, that are changed and cancelled.

A job that only buys and sells at the market gives no occasion to what goes wrong with changes and cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from aura_lib.access import who
from aura_lib.core import WORKING, Basket, Instrument, Intent, Order, OrderType, Side, TimeInForce, iso
from aura_lib.execution.gate import TICKET
from aura_lib.ledger import AccountView, Ledger, Token

BOOK = "by-hand"
UNITS, PURSE = Decimal(4), Decimal(40)  # of an order, and what the person could buy in all
FAR, NEARER = Decimal("0.96"), Decimal("0.97")  # of the last price
CENT = Decimal("0.01")
ABOVE, BELOW = Decimal("1.10"), Decimal("0.90")  # the exits of a bracket


@dataclass(frozen=True, slots=True)
class Person:
    """Trades one instrument at a price known, in a book of their own.

    `rest` lets the desk work until nothing moves any more.
    """

    ledger: Ledger
    account: str
    instrument: Instrument
    price: Decimal
    rest: Callable[[], AccountView]

    @property
    def money(self) -> Decimal:
        """What the person pays in."""
        return self.price * PURSE * max(self.instrument.lot, Decimal(1)) * self.instrument.multiplier

    def act(self, moment: datetime) -> None:
        """Place an order, change it, and cancel it; place a bracket, and cancel that."""
        if (order := self._place("first", moment, self._wish(FAR))) is not None:
            changed = self._change(order)
            self._cancel(changed or order)
        bracket = replace(
            self._wish(FAR), type=OrderType.BRACKET, take_profit=self._at(ABOVE), stop_loss=self._at(BELOW)
        )
        if (order := self._place("second", moment + timedelta(microseconds=1), bracket)) is not None:
            self._cancel(order)

    def _wish(self, part: Decimal) -> Intent:
        units = UNITS * max(self.instrument.lot, Decimal(1))
        return Intent(
            self.instrument, Side.BUY, units, OrderType.LIMIT, limit_price=self._at(part),
            time_in_force=TimeInForce.GTC, reason="rehearsal",
        )  # fmt: skip

    def _at(self, part: Decimal) -> Decimal:
        tick = max(self.instrument.tick, CENT)  # finer ones are not taken of what costs a dollar and more
        return (self.price * part / tick).quantize(Decimal(1), ROUND_DOWN) * tick

    def _place(self, name: str, moment: datetime, wish: Intent) -> Order | None:
        """The order as it works at the broker; None when the desk or the broker did not take it."""
        origin = f"{TICKET}{who()}"
        basket = Basket(origin, moment, self.account, BOOK, moment, (wish,), "", f"{name}:{iso(moment)}")
        token = Token(basket.run, origin, iso(moment), self.account, BOOK, "")
        put = self.ledger.inbox.put(basket, self.ledger.control.issue(token, 24 * 3600))
        return next((o for o in self._working() if o.basket == put.id), None)

    def _change(self, order: Order) -> Order | None:
        self._ask("replace", order, limit_price=str(self._at(NEARER)))
        return next((o for o in self._working() if o.parent == order.client_id), None)

    def _cancel(self, order: Order) -> None:
        self._ask("cancel", order)
        self.rest()

    def _ask(self, kind: str, order: Order, **more: str) -> None:
        body: Mapping[str, str] = {"client_id": order.client_id, "who": who(), "reason": "rehearsal", **more}
        self.ledger.inbox.ask(self.account, kind, body, f"{kind}:{order.client_id}")

    def _working(self) -> list[Order]:
        view = self.rest()
        return [o for o in view.live_orders(BOOK) if o.status in WORKING]


def cheapest(prices: Mapping[str, Decimal], instruments: Mapping[str, Instrument]) -> tuple[Instrument, Decimal]:
    """The instrument of which a lot costs least, and its price."""
    symbol = min((s for s in prices if s in instruments), key=lambda s: (prices[s] * instruments[s].lot, s))
    return instruments[symbol], prices[symbol]
