"""fixtures users may import"""

from __future__ import annotations

from pathlib import Path

from aura_lib import data
from aura_lib.core import Bars, Settings

__all__ = ["sample_bars"]


def sample_bars(home: Path) -> Bars:
    """The sample universe, all sessions, kept in a home of its own (a temporary folder, say) and not in the user's."""
    return data.load(settings=Settings(home=Path(home), database_url=f"sqlite:///{Path(home) / 'ledger.db'}"))
