"""Whatever is sent to the simulated exchange and whatever prices come, these hold after every step."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import TERMINAL, Account, Fill, Instrument, OrderStatus, Side, TimeInForce, canonical, fold
from aura_lib.exchange import Closed, Costs, Exchange
from tests.backtest.scenarios import SLOT, order

NAMES = ("A", "B", "C")
LOTS = {"A": Decimal(1), "B": Decimal("0.01"), "C": Decimal(100)}
INSTRUMENTS = {n: Instrument(n, lot=LOTS[n], multiplier=Decimal(2 if n == "B" else 1)) for n in NAMES}

sent = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(Side),
    st.integers(1, 60),
    st.sampled_from([TimeInForce.DAY, TimeInForce.GTC]),
)
price = st.one_of(st.none(), st.decimals("0.5", "90", places=8))
day = st.tuples(st.lists(sent, max_size=4), st.tuples(price, price, price))
costs = st.builds(
    Costs,
    commission_bps=st.decimals("0", "100", places=2),
    min_commission=st.decimals("0", "9", places=4),
    slippage_bps=st.decimals("0", "100", places=2),
)


@settings(max_examples=150)
@given(days=st.lists(day, max_size=8), costs=costs, cash=st.decimals("0", "5000", places=4))
def test_nothing_goes_below_zero_and_the_account_is_the_fold_of_the_fills(
    days: list[tuple[list[tuple[str, Side, int, TimeInForce]], tuple[Decimal | None, ...]]], costs: Costs, cash: Decimal
) -> None:
    opening = Account("exchange", cash)
    exchange = Exchange(cash, costs)
    fills: list[Fill] = []
    ended: dict[str, Closed] = {}
    wanted: dict[str, Decimal] = {}
    for n, (orders, quotes) in enumerate(days):
        now = SLOT + timedelta(days=n)
        for k, (name, side, lots, tif) in enumerate(orders):
            placed = order(
                name,
                side,
                str(lots * LOTS[name]),
                instrument=INSTRUMENTS[name],
                time_in_force=tif,
                client_id=f"{n}/{k}",
            )
            wanted[placed.client_id] = placed.intent.quantity
            exchange.submit(placed, now)
        prices = {name: p for name, p in zip(NAMES, quotes, strict=True) if p is not None}
        twin = Exchange.restore(json.loads(canonical(exchange.state())))
        events = exchange.match(now + timedelta(hours=1), prices)
        assert twin.match(now + timedelta(hours=1), prices) == events
        assert canonical(twin.state()) == canonical(exchange.state())
        account = fold(opening, fills)
        for event in events:
            if isinstance(event, Fill):
                fills.append(event)
                account = account.after(event)
                assert account.cash >= 0
                assert all(quantity >= 0 for quantity in account.holdings.values())
                assert event.quantity % LOTS[event.symbol] == 0
            else:
                assert event.client_id not in ended
                ended[event.client_id] = event
        assert account == exchange.account
        assert exchange.account.cash == cash + sum((fill.cash for fill in fills), Decimal(0))
        _check_ends(exchange, fills, ended, wanted)


def _check_ends(exchange: Exchange, fills: list[Fill], ended: dict[str, Closed], wanted: dict[str, Decimal]) -> None:
    assert len({fill.execution_id for fill in fills}) == len(fills)
    for client_id, quantity in wanted.items():
        found = exchange.find(client_id)
        assert found is not None
        filled = sum((f.quantity for f in fills if f.client_id == client_id), Decimal(0))
        assert found.filled == filled <= quantity
        assert (found.status in TERMINAL) == (client_id in ended)
        assert (found.status is OrderStatus.FILLED) == (filled == quantity)


@given(
    cash=st.decimals("0", "2000", places=4),
    lots=st.integers(1, 5000),
    lot=st.sampled_from(["1", "0.01", "100"]),
    quote=st.decimals("0.01", "50", places=6),
    costs=costs,
)
def test_a_cut_buy_takes_the_most_lots_the_cash_can_pay(
    cash: Decimal, lots: int, lot: str, quote: Decimal, costs: Costs
) -> None:
    instrument = Instrument("A", lot=Decimal(lot))
    exchange = Exchange(cash, costs)
    exchange.submit(order("A", Side.BUY, str(lots * Decimal(lot)), instrument=instrument), SLOT)
    exchange.match(SLOT + timedelta(days=1), {"A": quote})
    got = exchange.account.quantity("A")
    paid = costs.price(quote, Side.BUY)
    if got < lots * Decimal(lot):
        more = (got + Decimal(lot)) * paid
        assert more + costs.commission(more) > cash
