"""Views of an account: everything here is folded from its journal, and nothing is stored."""

from __future__ import annotations

from aura_lib.ledger.views.account import AccountView, Verdict
from aura_lib.ledger.views.acts import Act, acts
from aura_lib.ledger.views.course import EVER, Course
from aura_lib.ledger.views.money import Event, Money

__all__ = ["EVER", "AccountView", "Act", "Course", "Event", "Money", "Verdict", "acts"]
