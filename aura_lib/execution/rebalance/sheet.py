"""A rebalance on paper: targets, orders, lots, costs, taxes and what the desk would say. Nothing of it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aura_lib.core import Decision, Intent, rate
from aura_lib.execution.rebalance.lots import Choice, Rates, Taken, choose
from aura_lib.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.ledger.accounting import Lot

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rebalance:
    """What it takes to bring a book to its targets, for a person to look at before it is proposed.

    `taken` has the lots that each closing order takes (symbol → lots), `decisions` what the checks before a trade say
    of each intent now. `turnover` and `estimated_cost` are the plan's; money is in the account's currency.
    """

    account: str
    book: str
    plan: Plan
    taken: Mapping[str, tuple[Taken, ...]]
    decisions: tuple[Decision, ...]
    cash_buffer: Decimal
    rates: Rates = field(default_factory=Rates)

    @property
    def intents(self) -> tuple[Intent, ...]:
        """What would be proposed: sells first."""
        return self.plan.intents

    @property
    def approved(self) -> bool:
        """Whether every order would pass the checks now."""
        return all(decision.approved for decision in self.decisions)

    @property
    def turnover(self) -> float:
        """Half the traded value over equity."""
        return self.plan.turnover

    @property
    def estimated_cost(self) -> Decimal:
        """Commission, spread and slippage."""
        return self.plan.estimated_cost

    @property
    def cash_after(self) -> Decimal:
        """Cash when all is filled at the prices of decision, after the estimated costs."""
        traded = sum((-i.signed * self._unit(i) for i in self.intents), ZERO)
        return self.plan.account.cash + traded - self.estimated_cost

    def gain(self, *, long: bool) -> Decimal:
        """What would be realised of what was held long (or short) for taxes, after the fees of buying."""
        pieces = [(symbol, t) for symbol, lots in self.taken.items() for t in lots if t.long is long]
        return sum((t.gain * self._rate(symbol) for symbol, t in pieces), ZERO)

    @property
    def tax(self) -> Decimal:
        """The estimated tax on what would be realised, gains and losses together; nothing when they are a loss."""
        return max(self.gain(long=True) * self.rates.long + self.gain(long=False) * self.rates.short, ZERO)

    def _rate(self, symbol: str) -> Decimal:
        instrument = next(i.instrument for i in self.intents if i.symbol == symbol)
        return rate(self.plan.prices, instrument.currency, self.plan.account.currency)

    def _unit(self, intent: Intent) -> Decimal:
        own = rate(self.plan.prices, intent.instrument.currency, self.plan.account.currency)
        return self.plan.prices[intent.symbol] * intent.instrument.multiplier * own

    # ---- for people ------------------------------------------------------------------------------------------------
    def table(self) -> pd.DataFrame:
        """A row an order: what, how much, weights before and after, what it realises, and what the desk would say."""
        table = self.plan.table()
        lots = [self.taken.get(i.symbol, ()) for i in self.intents]
        gains = [float(sum((t.gain * self._rate(i.symbol) for t in some), ZERO))
                 for i, some in zip(self.intents, lots, strict=True)]  # fmt: skip
        verdicts = ["approved" if d.approved else f"{d.rule}: {d.value} against {d.limit}" for d in self.decisions]
        return table.assign(lots=[len(some) for some in lots], realised=gains, verdict=verdicts)

    def lots_table(self) -> pd.DataFrame:
        """A row a lot that is taken: since when it is held, what it cost, brings and gains, and for which term."""
        import pandas as pd

        rows = [
            (t.symbol, t.lot, float(t.quantity), t.opened, float(t.cost), float(t.proceeds), float(t.gain), _term(t))
            for lots in self.taken.values()
            for t in lots
        ]
        columns = ["symbol", "lot", "quantity", "opened", "cost", "proceeds", "realised", "term"]
        return pd.DataFrame(rows, columns=columns)

    def summary(self) -> dict[str, Any]:
        """The figures of the whole, by name."""
        return {
            "orders": len(self.intents),
            "turnover": self.turnover,
            "estimated cost": self.estimated_cost,
            "cash before": self.plan.account.cash,
            "cash after": self.cash_after,
            "cash buffer": self.cash_buffer,
            "short-term gain": self.gain(long=False),
            "long-term gain": self.gain(long=True),
            "estimated tax": self.tax,
            "refused": sum(not d.approved for d in self.decisions),
        }

    def chosen(self, leg: int) -> list[dict[str, str]]:
        """The lots of an order as a request of kind `lots` names them."""
        taken = self.taken.get(self.intents[leg].symbol, ())
        return [{"lot": t.lot, "quantity": str(t.quantity)} for t in taken]


def _term(taken: Taken) -> str:
    return "long" if taken.long else "short"


def inspected(
    plan: Plan,
    *,
    account: str,
    book: str,
    lots: Sequence[Lot],
    decisions: Sequence[Decision],
    cash_buffer: float,
    choice: Choice = Choice.LEAST_TAX,
    rates: Rates | None = None,
) -> Rebalance:
    """A plan with the lots that its closing orders take. Pure."""
    tariff, taken = rates or Rates(), dict[str, tuple[Taken, ...]]()
    for intent in plan.intents:
        mine = [lot for lot in lots if lot.instrument.symbol == intent.symbol]
        at = plan.targets.as_of
        if found := choose(mine, intent.side, intent.quantity, plan.prices[intent.symbol], at, choice, tariff):
            taken[intent.symbol] = found
    buffer = max(plan.equity, ZERO) * Decimal(repr(cash_buffer))
    return Rebalance(account, book, plan, taken, tuple(decisions), buffer, tariff)
