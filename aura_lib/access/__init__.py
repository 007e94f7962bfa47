"""who is asking, what they may do, where secrets are kept"""

from __future__ import annotations

from aura_lib.access.vault import Vault, verify, who

__all__ = ["Vault", "verify", "who"]
