"""Folders: two change places in one step (where Linux and macOS can do that), and names survive a power cut."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

HERE = -100 if sys.platform == "linux" else -2  # AT_FDCWD
SWAP = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)


def swap(one: Path, other: Path) -> bool:
    """Exchange two names; False when this system or file system cannot, OSError when it failed otherwise."""
    name = {"linux": "renameat2", "darwin": "renameatx_np"}.get(sys.platform)
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if call is None:
        return False
    if call(HERE, os.fsencode(one), HERE, os.fsencode(other), ctypes.c_uint(SWAP)) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one))


def settle(folder: Path) -> None:
    """Make the names in a folder, and in those below it, survive a power cut."""
    for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
        settle_names(path)


def settle_names(folder: Path) -> None:
    """Make the names in one folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
