"""A strategy that wishes for packages of options: the replay trades them as the desk does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aura_lib import backtest
from aura_lib.core import Intent, Mandate, OrderStatus
from aura_lib.exchange import Costs
from tests.options import C105, C110, CREDIT, DEBIT, P90, P95, option_bars

D = Decimal
BARS = option_bars()


def test_a_strategy_may_wish_for_packages() -> None:
    def decide(market: Any, account: Any, mandate: Any) -> list[Intent]:
        day = len(market)
        return {
            1: [Intent.of_legs(DEBIT, D(3), D("1.00")), Intent.of_legs(CREDIT, D(2), D("-4.00"))],
            3: [Intent.of_legs(CREDIT, D(1_000))],
        }.get(day, [])

    free = Costs(commission_bps=D(0), slippage_bps=D(0))
    mandate = Mandate(tuple(BARS.symbols))
    result = backtest.run(decide, BARS, mandate, schedule="XNYS daily close", cash=10_000, costs=free, warmup=1)
    assert [(f.symbol, f.signed, f.price) for f in result.fills] == [
        (C110.symbol, -3, D("0.82")),
        (C105.symbol, 3, D("1.49")),
    ]
    ends = {o.client_id.rpartition("/")[2]: o.status for o in result.orders if o.intent.legs or "leg" in o.client_id}
    assert set(ends.values()) == {OrderStatus.FILLED, OrderStatus.EXPIRED}
    assert {o.intent.symbol for o in result.orders if not o.intent.legs} == {c.symbol for c in (P90, P95, C105, C110)}
    refused = [d for s in result.slots for d in s.decisions if not d.approved]
    assert [d.rule for d in refused] == ["buying_power"]
    assert float(result.equity.iloc[-1]) == 10_000 - 3 * 67  # all expire worthless
