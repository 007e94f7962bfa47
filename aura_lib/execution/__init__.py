"""plan → desk → `brokers/` → fills → reconciliation"""

from __future__ import annotations

from aura_lib.execution.accounts import Terms, account_terms, accounts, find_terms, open_account, paper_account
from aura_lib.execution.asking import ask_for_money
from aura_lib.execution.capital import give_capital
from aura_lib.execution.preview import Preview, preview
from aura_lib.execution.propose import Proposal, propose
from aura_lib.execution.service import DeskProcess, advance, wait_until
from aura_lib.execution.shadow.mirror import open_shadow
from aura_lib.execution.ticket import cancel, halt, resume, ticket
from aura_lib.execution.ticket import change as replace

__all__ = [
    "DeskProcess",
    "Preview",
    "Proposal",
    "Terms",
    "account_terms",
    "accounts",
    "advance",
    "ask_for_money",
    "cancel",
    "find_terms",
    "give_capital",
    "halt",
    "open_account",
    "open_shadow",
    "paper_account",
    "preview",
    "propose",
    "replace",
    "resume",
    "ticket",
    "wait_until",
]
