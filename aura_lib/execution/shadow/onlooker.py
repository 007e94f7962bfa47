"""The onlooker: the broker of the account that a shadow is of, as far as one may look. It has no commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from aura_lib.core import BrokerUnavailable, Capabilities, Clock, InputError, Settings, Snapshot
from aura_lib.execution.accounts import Terms, opened
from aura_lib.ledger import AccountView, Ledger

ZERO = Decimal(0)


class Onlooker:
    """What a broker can take and, where it is a real one, what it says that the account has. Nothing can be sent."""

    def __init__(
        self,
        name: str,
        capabilities: Capabilities,
        look: Callable[[], Snapshot] | None = None,
        close: Callable[[], None] | None = None,
        cash_step: Decimal = ZERO,
    ) -> None:
        self.name, self.capabilities, self.cash_step = name, capabilities, cash_step
        self._look, self._close = look, close

    def snapshot(self) -> Snapshot | None:
        """The account as its broker tells it; None at the embedded venue, where the ledger is all there is.

        Raises BrokerUnavailable.
        """
        return None if self._look is None else self._look()

    def close(self) -> None:
        """Let go of the connection."""
        if self._close is not None:
            self._close()


def onlooker(ledger: Ledger, real: Terms, settings: Settings, clock: Clock) -> Onlooker:
    """The onlooker at the broker of an account.

    Looking needs the account's keys and no leave to trade. Raises InputError naming the keys that are missing.
    """
    if real.broker == "alpaca":
        from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys

        since: datetime | None = opened(ledger, real.name)
        broker = AlpacaBroker(Keys.from_environment(real.account_class), real.name, since=since, clock=clock)
        step = getattr(broker, "cash_step", ZERO)
        return Onlooker(broker.name, broker.capabilities, broker.snapshot, broker.close, step)
    if real.broker == "paper":
        from aura_lib.execution.brokers.paper import PaperBroker

        return Onlooker(PaperBroker.name, PaperBroker.capabilities)
    raise InputError(f"nobody knows how to look at an account at {real.broker}")


def apart(view: AccountView, broker: Onlooker) -> tuple[str, Decimal | None]:
    """How the broker's account differs from its ledger, empty where it does not, and the buying power it tells.

    A broker that does not answer is a difference too: how the account stands is not known then.
    """
    try:
        told = broker.snapshot()
    except BrokerUnavailable as error:
        return f"{broker.name} does not tell how {view.name} stands: {error}", None
    if told is None:
        return "", None
    account = view.account()
    held, there = account.holdings, {s: h.quantity for s, h in told.holdings.items() if h.quantity}
    wrong = [
        f"{symbol} {held.get(symbol, ZERO)} in the ledger, {there.get(symbol, ZERO)} at {broker.name}"
        for symbol in sorted(held.keys() | there.keys())
        if held.get(symbol, ZERO) != there.get(symbol, ZERO)
    ]
    if abs(account.cash - told.cash) > broker.cash_step * (len(view.fills) + 1) / 2:
        wrong.append(f"cash {account.cash} in the ledger, {told.cash} at {broker.name}")
    return "; ".join(wrong), told.buying_power
