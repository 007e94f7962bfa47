"""Protection kept by the desk: stop-loss, take-profit, trailing and time stops of positions, drawdown of a book."""

from __future__ import annotations

from aura_lib.execution.protection.rules import Guard, Protection, answer, protect, protections, unprotect

__all__ = ["Guard", "Protection", "answer", "protect", "protections", "unprotect"]
