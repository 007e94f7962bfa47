"""who is asking, what they may do, where secrets are kept"""

from __future__ import annotations

from aura_lib.access.permissions import Action, Permissions, may, trading
from aura_lib.access.vault import Vault, verify, who

__all__ = ["Action", "Permissions", "Vault", "may", "trading", "verify", "who"]
