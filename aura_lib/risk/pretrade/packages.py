"""Rules of their own for packages of options: how far the net price may be from the last ones, and of which sign."""

from __future__ import annotations

from decimal import Decimal

from aura_lib.core import Instrument, Intent, worst_case
from aura_lib.risk.pretrade.scene import ZERO, Scene

Refused = tuple[str, str]  # value, limit


def net(intent: Intent, scene: Scene) -> Decimal:
    """What one package costs at the last prices."""
    return sum((leg.signed * scene.prices[leg.instrument.symbol] for leg in intent.legs), ZERO)


def collar(intent: Intent, scene: Scene) -> Refused | None:
    """How far a net limit is from the net of the last prices, as a part of what all legs are worth together.

    A net price may be next to nothing while its legs are not: a part of itself would say nothing.
    """
    limit, most = intent.limit_price, scene.limits.collar
    if limit is None or most is None:
        return None
    now = net(intent, scene)
    legs = sum((leg.ratio * scene.prices[leg.instrument.symbol] for leg in intent.legs), ZERO)
    away = abs(limit - now) / legs
    told = f"net {limit} is {away:.6f} of the legs' {legs} from {now}"
    return (told, f"{most:g}") if away > Decimal(repr(most)) else None


def wrong_sign(intent: Intent, scene: Scene) -> Refused | None:
    """A credit for what never costs anything at expiry is not to be had; a debit for what never pays is a gift."""
    limit = intent.limit_price
    if limit is None:
        return None
    one: dict[Instrument, Decimal] = {leg.instrument: Decimal(leg.signed) for leg in intent.legs}
    if limit <= 0 and worst_case(one) == 0:
        return f"net {limit}", "above 0 (a debit): at expiry these legs never cost anything"
    if limit > 0 and worst_case({contract: -quantity for contract, quantity in one.items()}) == 0:
        return f"net {limit}", "0 or below (a credit): at expiry these legs never pay anything"
    return None
