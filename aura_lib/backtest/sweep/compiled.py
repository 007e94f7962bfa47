"""Compiled kernels on disk: one Python file a rule and shape under AURA_HOME/compiled, and numba's cache beside it.

A file is named by the hash of its text, so a changed rule is another file, and a second process finds the machine code
of the first. Two that write at once write the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from time import time_ns
from types import ModuleType
from typing import TYPE_CHECKING

from aura_lib.core import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP = 200  # files; the least recently used go first
_SIDE = (".nbi", ".nbc")


def load(text: str) -> ModuleType:
    """The module of that source, compiled once per machine."""
    import numba

    name = hashlib.sha256(f"{numba.__version__}\0{text}".encode()).hexdigest()[:32]
    return _loaded(name, text)


@lru_cache(maxsize=64)
def _loaded(name: str, text: str) -> ModuleType:
    folder = _folder()
    path = folder / f"rule_{name}.py"
    if not _holds(path, text):
        _write(path, text)
        _forget(folder)
    else:
        _touch(path)
    spec = importlib.util.spec_from_file_location(f"aura_rule_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _folder() -> Path:
    """AURA_HOME/compiled, or a folder of this user's beside the temporary files where that cannot be written."""
    user = getattr(os, "getuid", lambda: os.environ.get("USERNAME", "user"))()
    for folder in (Settings.load().home / "compiled", Path(tempfile.gettempdir()) / f"aura-compiled-{user}"):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK) and (not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()):
            return folder
    return Path(tempfile.mkdtemp(prefix="aura-compiled-"))


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text("utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False) as part:
        part.write(text)
    # numba asks for size and time of the file: the same text gets the same time, whoever writes it
    os.utime(part.name, ns=(time_ns(), STAMP))
    os.replace(part.name, path)


STAMP = 1_700_000_000_000_000_000


def _touch(path: Path) -> None:
    """Note the use without changing what numba compares: the access time."""
    with suppress(OSError):
        os.utime(path, ns=(time_ns(), STAMP))


def _forget(folder: Path) -> None:
    """Remove the least recently used files beyond KEEP, with their machine code."""
    files = sorted(folder.glob("rule_*.py"), key=lambda path: path.stat().st_atime_ns, reverse=True)
    for path in files[KEEP:]:
        for old in (*_machine_code(path), path):
            old.unlink(missing_ok=True)


def _machine_code(path: Path) -> Iterator[Path]:
    yield from (old for old in (path.parent / "__pycache__").glob(f"{path.stem}*") if old.suffix in (*_SIDE, ".pyc"))
