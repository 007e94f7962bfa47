"""The check of a basket before the trade: the rules of a trade around the limits of a book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from aura_lib.core import Decision, Intent
from aura_lib.risk import limits as book_limits
from aura_lib.risk.limits import Refusal
from aura_lib.risk.pretrade.context import Context
from aura_lib.risk.pretrade.limits import TradeLimits
from aura_lib.risk.pretrade.rules import AFTER, BEFORE, judged
from aura_lib.risk.pretrade.scene import Scene

APPROVED = "limits"


def check(intents: Sequence[Intent], context: Context, limits: TradeLimits) -> list[Decision]:
    """The verdict on every leg of a basket, in its order, by every rule and limit. Pure.

    A leg is first held against what it is by itself (`rules.BEFORE`), then the legs that are left against the limits
    of the book (`risk.check`), then each of those against what the approved ones before it add up to (`rules.AFTER`).
    A leg that the last refuse still counts in the limits of those after it: a basket is never approved for room that
    it might not have. What cannot be valued for want of a fresh price is refused. Approved legs have the rule
    "limits", as those of `risk.check`; the value of one that waits for the next session says for which.
    """
    scene = Scene(context, limits, intents)
    refusals = {leg: found for leg, intent in enumerate(intents) if (found := judged(intent, scene, BEFORE))}
    rest = [leg for leg in range(len(intents)) if leg not in refusals]
    refusals |= _by_limits(intents, rest, scene)
    for leg in rest:
        if leg in refusals:
            continue
        if found := judged(intents[leg], scene, AFTER):
            refusals[leg] = found
        else:
            scene.take(intents[leg])
    told = (refusals.get(leg) or (APPROVED, scene.waits_for(intents[leg]), "") for leg in range(len(intents)))
    return [
        Decision(leg, intents[leg].symbol, leg not in refusals, rule, value, limit)
        for leg, (rule, value, limit) in enumerate(told)
    ]


def _by_limits(intents: Sequence[Intent], rest: Sequence[int], scene: Scene) -> dict[int, Refusal]:
    context = scene.context
    found = book_limits.check(
        [intents[leg] for leg in rest], context.book, scene.prices, scene.limits, working=_working(scene),
        packages=scene.packages,
    )  # fmt: skip
    return {leg: (d.rule, d.value, d.limit) for leg, d in zip(rest, found, strict=True) if not d.approved}


def _working(scene: Scene) -> Mapping[str, Decimal]:
    """Symbol → signed quantity on its way in the book, as its limits count it: of two sides the one that enlarges.

    Packages are counted apart, as wholes.
    """
    total: dict[str, Decimal] = {}
    for (symbol, side), quantity in scene.singly.items():
        enlarges = scene.context.book.quantity(symbol) * side.sign >= 0
        if symbol not in total or enlarges:
            total[symbol] = quantity * side.sign
    return total
