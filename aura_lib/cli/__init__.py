"""the `aura` command"""

from __future__ import annotations

from typing import Annotated

from aura_lib._version import __version__
from aura_lib.cli import (
    accounts,
    backup,
    check,
    data,
    demo,
    doctor,
    jobs,
    ledger,
    new,
    research,
    service,
    trials,
    universe,
    up,
)

__all__ = []
