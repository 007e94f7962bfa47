"""Shadow mode: a live account's prices and state, orders written but not sent, compared with what the market then did.

An account opened as the shadow of another has a desk, a journal, a halt and a clock of its own, and no broker. At each
decision it looks at the account it is of, as that stood then; whatever is approved by every rule of that account is
written down as an order, and ends there: WITHHELD. Every decision starts from what the account really held, never from
what the decisions before it would have made of it.

    mirror     the account it is of, as its ledger stood at a moment
    onlooker   that account's broker, as far as one may look: no command
    desk       basket in the inbox → verdict → orders that are withheld
    record     what was withheld, read back from the journals
    tape       bars as the exchange is told of them, and prices to value by
    compare    the withheld orders played through the exchange over what came after
"""

from __future__ import annotations

from aura_lib.execution.shadow.compare import Comparison, DecisionResult, Judged, OrderResult, Traded, compare
from aura_lib.execution.shadow.mirror import Mirror, open_shadow, view_of
from aura_lib.execution.shadow.record import compared, judged

__all__ = [
    "Comparison",
    "DecisionResult",
    "Judged",
    "Mirror",
    "OrderResult",
    "Traded",
    "compare",
    "compared",
    "judged",
    "open_shadow",
    "view_of",
]
