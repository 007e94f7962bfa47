"""Whatever the basket: what was approved of it breaks no limit by a plain recomputation."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import Account, Instrument, Intent, Order, OrderStatus, OrderType, Position, Side
from aura_lib.risk.pretrade import Context, Price, TradeLimits, check, loosened, tightest
from aura_lib.risk.pretrade.limits import NAMES
from tests.oracle import plain_pretrade
from tests.risk.test_pretrade import NOON

SECTORS = {"A": "one", "B": "one", "C": "two", "D": "two"}
CENTS = st.integers(100, 10_000)
SIZE = st.integers(-60, 60).filter(bool)
SYMBOL = st.sampled_from(sorted(SECTORS))


def intent(symbol: str, quantity: int, cents: int | None) -> Intent:
    side = Side.BUY if quantity > 0 else Side.SELL
    if cents is None:
        return Intent(Instrument(symbol), side, Decimal(abs(quantity)))
    return Intent(Instrument(symbol), side, Decimal(abs(quantity)), OrderType.LIMIT, Decimal(cents).scaleb(-2))


@given(
    cash=st.integers(0, 500_000),
    held=st.dictionaries(SYMBOL, st.integers(1, 100)),
    prices=st.fixed_dictionaries(dict.fromkeys(SECTORS, CENTS)),
    at_work=st.lists(st.tuples(SYMBOL, SIZE), max_size=3),
    legs=st.lists(st.tuples(SYMBOL, SIZE, st.none() | CENTS), max_size=6),
    percent=st.fixed_dictionaries(
        dict.fromkeys(("collar", "max_position_weight", "max_sector_weight"), st.integers(1, 100))
    ),
    value=st.integers(0, 5_000),
    quantity=st.integers(0, 60),
)
def test_an_approved_basket_breaks_no_limit(
    cash: int,
    held: dict[str, int],
    prices: dict[str, int],
    at_work: list[tuple[str, int]],
    legs: list[tuple[str, int, int | None]],
    percent: dict[str, int],
    value: int,
    quantity: int,
) -> None:
    limits = TradeLimits(
        max_order_weight=1.0, max_order_value=value, max_order_quantity=quantity, crossing=True,
        **{name: whole / 100 for name, whole in percent.items()},
    )  # fmt: skip
    positions = {s: Position(Instrument(s), Decimal(q), Decimal(1)) for s, q in held.items()}
    book = Account("m", Decimal(cash).scaleb(-2), positions=positions)
    orders = [
        Order(f"o{n}", "paper", "m", "job@x", n, 1, intent(s, q, None), NOON, OrderStatus.ACCEPTED)
        for n, (s, q) in enumerate(at_work)
    ]
    known = {s: Price(Decimal(cents).scaleb(-2), NOON) for s, cents in prices.items()}
    context = Context(now=NOON, origin="job", account=book, book=book, prices=known, orders=orders, sectors=SECTORS)
    decisions = check([intent(*leg) for leg in legs], context, limits)
    approved = [
        (s, q, Fraction(c, 100) if c else None) for (s, q, c), d in zip(legs, decisions, strict=True) if d.approved
    ]
    bounds = {name: Fraction(whole, 100) for name, whole in percent.items()}
    bounds |= {"max_order_value": Fraction(value), "max_order_quantity": Fraction(quantity)}
    money = {s: Fraction(c, 100) for s, c in prices.items()}
    # an account that already sells more than it has is for reconciliation: nothing more may be sold there
    over = {s for s in SECTORS if -sum(q for t, q in at_work if t == s and q < 0) > held.get(s, 0)}
    assert not any(symbol in over and q < 0 for symbol, q, _ in approved)
    sane = [(s, q) for s, q in at_work if q > 0 or s not in over]
    assert plain_pretrade.broken(Fraction(cash, 100), held, sane, money, approved, SECTORS, bounds) == []


FRACTION = st.none() | st.sampled_from((0.0, 0.1, 0.5, 1.0))
LIMITS = st.builds(
    TradeLimits,
    max_gross=st.sampled_from((0.5, 1.0, 2.0)),
    max_net=FRACTION,
    restricted=st.sets(SYMBOL).map(lambda names: tuple(sorted(names))),
    short=st.booleans(),
    crossing=st.booleans(),
    collar=FRACTION,
    orders_per_minute=st.none() | st.integers(0, 9),
    sector_caps=st.dictionaries(st.sampled_from(("one", "two")), st.sampled_from((0.0, 0.5))),
)


@given(LIMITS, LIMITS)
def test_the_tightest_of_two_limits_loosens_neither_and_is_one_of_both(one: TradeLimits, other: TradeLimits) -> None:
    both = tightest(one, other)
    assert both == tightest(other, one)
    assert loosened(one, both) == loosened(other, both) == ()
    assert tightest(one, one) == one
    for name in set(NAMES) - {"restricted", "sector_caps"}:
        assert getattr(both, name) in (getattr(one, name), getattr(other, name))


@given(LIMITS, LIMITS)
def test_what_loosens_nothing_is_as_tight_as_before(before: TradeLimits, after: TradeLimits) -> None:
    assert (not loosened(before, after)) == (tightest(before, after) == after)
