"""Property: the state machine of an order allows what a plain telling of its life allows, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aura_lib.core import LIVE, TERMINAL, InputError, Instrument, Intent, Order, OrderStatus, Side, utc
from tests.oracle.plain_order import OVER, PlainOrder

NOW = utc("2021-01-04T21:00:00+00:00")
QUANTITY = Decimal(10)


class OrderMachine(RuleBasedStateMachine):
    """One order and its plain twin, told the same."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = PlainOrder(QUANTITY)
        intent = Intent(Instrument("AAA"), Side.BUY, QUANTITY)
        self.order = Order("id", "paper", "m", "b", 0, 1, intent, NOW)

    @rule(status=st.sampled_from(list(OrderStatus)))
    def told(self, status: OrderStatus) -> None:
        if self.plain.may_become(status.value):
            self.order = self.order.to(status, "told")
            self.plain.become(status.value)
        else:
            with pytest.raises(InputError, match="cannot become"):
                self.order.to(status)

    @invariant()
    def they_agree(self) -> None:
        assert self.order.status.value == self.plain.status
        assert (self.order.status in TERMINAL) == (self.plain.status in OVER) == (self.order.status not in LIVE)

    @invariant()
    def nothing_is_at_the_broker_that_was_not_sent(self) -> None:
        if self.plain.status not in ("approved", "cancelled", "expired", "filled", "withheld"):
            assert self.plain.sent
        if self.plain.status == "withheld":
            assert not self.plain.sent


OrderMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=12)
TestOrderMachine = OrderMachine.TestCase


def test_every_pair_of_statuses_is_allowed_by_both_or_by_none() -> None:
    for before in OrderStatus:
        for after in OrderStatus:
            intent = Intent(Instrument("AAA"), Side.BUY, QUANTITY)
            order = Order("id", "paper", "m", "b", 0, 1, intent, NOW, before)
            expected = PlainOrder(QUANTITY, before.value).may_become(after.value)
            try:
                order.to(after)
                allowed = True
            except InputError:
                allowed = False
            assert allowed == expected, (before, after)
