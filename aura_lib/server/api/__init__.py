"""The REST API: accounts, orders, limits and the kill switch, behind the same login as the pages."""

from __future__ import annotations

from aura_lib.server.api.handlers import handlers
from aura_lib.server.api.office import Office

__all__ = ["Office", "handlers"]
