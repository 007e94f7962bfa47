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
    mandate = Mandate(tuple(BARS.symbols), capital=D(10_000))
    result = backtest.run(decide, BARS, mandate, schedule="XNYS daily close", costs=free)
    fills = [(f.symbol, f.signed, f.price) for f in result.replay.fills]
    assert fills == [(C110.symbol, -3, D("0.82")), (C105.symbol, 3, D("1.49"))]
    legs = [o for o in result.replay.orders if "/leg" in o.client_id]
    assert {(o.intent.symbol, o.status) for o in legs} == {
        (C105.symbol, OrderStatus.FILLED), (C110.symbol, OrderStatus.FILLED),
        (P95.symbol, OrderStatus.EXPIRED), (P90.symbol, OrderStatus.EXPIRED),
    }  # fmt: skip
    refused = [d for s in result.replay.slots for d in s.decisions if not d.approved]
    assert [d.rule for d in refused] == ["buying_power"]
    assert float(result.equity.iloc[-1]) == 10_000 - 3 * 67  # all expire worthless
