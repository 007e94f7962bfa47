"""What stands behind an account, by its terms: its broker, its prices and its clock."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from aura_lib.core import Broker, Clock, InputError, Mode, PermissionDenied, Settings, SimulatedClock, WallClock
from aura_lib.execution.accounts import Terms
from aura_lib.execution.feed import Feed


def connect(terms: Terms, settings: Settings, feed: Feed, clock: Clock, since: datetime | None = None) -> Broker:
    """The broker that an account trades at; nothing is sent by this.

    Args:
        terms: on what terms the account was opened.
        settings: where state is kept, and whether real trading is allowed at all.
        feed: prices, for a simulated venue.
        clock: what time it is.
        since: what happened at a real broker before is not asked for: the account was kept elsewhere then.

    Raises:
        PermissionDenied: a live account, without AURA_ALLOW_LIVE=1.
        InputError: keys or a package are missing, by name; or it is a shadow, which has no broker.
    """
    if terms.shadow_of:
        raise InputError(f"account {terms.name} shadows {terms.shadow_of}: no broker stands behind it")
    if terms.account_class is Mode.LIVE and not settings.allow_live:
        raise PermissionDenied(f"account {terms.name} is live: real trading needs AURA_ALLOW_LIVE=1 in the environment")
    if terms.broker == "alpaca":
        from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys

        return AlpacaBroker(Keys.from_environment(terms.account_class), terms.name, since=since, clock=clock)
    from aura_lib.execution.brokers.paper import PaperBroker

    return PaperBroker(settings.home / "brokers" / f"{terms.name}.db", feed, clock, terms.costs)


def feed_of(terms: Terms, settings: Settings | None = None) -> Feed:
    """The prices of an account: all bars of its source, and newer ones as the source gets them."""
    from aura_lib import data

    load = partial(data.load, source=terms.source, calendar=terms.calendar, settings=settings)
    return Feed(load(), newer=load)


def clock_of(terms: Terms, start: datetime) -> Clock:
    """The clock an account lives by: a real broker's is the real one, a simulated one's is moved from `start` on."""
    return SimulatedClock(start) if terms.simulated else WallClock()
