"""How far a feed came, in a file: written whole or not at all, read when the feed starts again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aura_lib.core import DataError

__all__ = ["read", "write"]

SCHEMA = 1


def write(path: Path, what: dict[str, Any]) -> None:
    """Replace the file; a process killed at any point leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"schema": SCHEMA, **what}, file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """What was written last; None when nothing was. A file of another kind raises DataError."""
    try:
        kept = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(f"{path.name} does not hold the position of a stream ({error}): move it away") from error
    if not isinstance(kept, dict) or kept.get("schema") != SCHEMA:
        raise DataError(f"{path.name} was written by another version of Aura: move it away, or use that version")
    return kept
