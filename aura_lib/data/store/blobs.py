"""Files that are written once: the little that a store asks of a disk or of an object store, and the local disk."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from aura_lib.core import InputError

__all__ = ["Blobs", "Folder"]

ABANDONED = (
    3600.0  # seconds after which a file on its way, or one that nothing refers to, belongs to a writer that died
)


class Blobs(Protocol):
    """Named bytes. A name has folders with `/`. What is there is there whole; absent raises FileNotFoundError."""

    def where(self, name: str = "") -> str:
        """What a person finds it by."""
        ...

    def read(self, name: str) -> bytes:
        """All bytes."""
        ...

    def tail(self, name: str, size: int) -> tuple[bytes, int]:
        """The last bytes (all if there are fewer), and the size of the whole."""
        ...

    def open(self, name: str) -> Any:
        """What pyarrow reads from: a path, or an open file."""
        ...

    def filesystem(self) -> Any:
        """What pyarrow's datasets read paths of `path` with."""
        ...

    def path(self, name: str) -> str:
        """The path that goes with `filesystem`."""
        ...

    def put(self, name: str, content: Any) -> None:
        """Keep bytes under a name, whole or not at all, whatever was there."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Keep bytes under a name that is free; False, and nothing changed, when somebody else was first."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in a folder, sorted; none when there is no folder."""
        ...

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        ...

    def stamp(self, name: str) -> Any:
        """What changes when the file is another one: what was read of it may be kept as long as it is the same."""
        ...

    def age(self, name: str) -> float:
        """Seconds since it was written."""
        ...

    def delete(self, name: str) -> None:
        """Take it away if it is there."""
        ...

    def sweep(self) -> None:
        """Take away what writers that died left on its way."""
        ...


class Folder:
    """Blobs in a folder of a local disk.

    A file is written aside, synced, and moved (or linked, where it must not be there yet) to its name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}{os.sep}"
        self._writing = root / "writing"

    def where(self, name: str = "") -> str:
        """Its path."""
        return f"{self._prefix}{name}"

    path = where

    def filesystem(self) -> Any:
        """The local disk's, of pyarrow."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def read(self, name: str) -> bytes:
        """All bytes."""
        with self._there():
            return (self.root / name).read_bytes()

    def tail(self, name: str, size: int) -> tuple[bytes, int]:
        """The last bytes (all if there are fewer), and the size of the whole."""
        with self._there(), (self.root / name).open("rb") as file:
            whole = file.seek(0, os.SEEK_END)
            file.seek(max(0, whole - size))
            return file.read(), whole

    def open(self, name: str) -> str:
        """Its path."""
        return self.where(name)

    def put(self, name: str, content: Any) -> None:
        """Keep bytes under a name, whole or not at all."""
        with self._aside(name, content) as aside:
            aside.replace(self.root / name)

    def create(self, name: str, content: bytes) -> bool:
        """Keep bytes under a name that is free; False when somebody else was first."""
        with self._aside(name, content) as aside:
            try:
                os.link(aside, self.root / name)
            except FileExistsError:
                return False
        return True

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in a folder."""
        return self._entries(folder, files=True)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder."""
        return self._entries(folder, files=False)

    def stamp(self, name: str) -> tuple[int, int, int]:
        """Its inode, size and time."""
        with self._there():
            found = os.stat(self.where(name))
        return found.st_ino, found.st_size, found.st_mtime_ns

    def age(self, name: str) -> float:
        """Seconds since it was written."""
        return time.time() - (self.root / name).stat().st_mtime

    def delete(self, name: str) -> None:
        """Take it away if it is there."""
        (self.root / name).unlink(missing_ok=True)

    def _entries(self, folder: str, *, files: bool) -> list[str]:
        try:
            with os.scandir(self.root / folder) as found:
                return sorted(entry.name for entry in found if entry.is_file() is files)
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def _there(self) -> Iterator[None]:
        """A file in the place of a folder means that the blob is not there."""
        try:
            yield
        except NotADirectoryError as error:
            raise FileNotFoundError(str(error)) from None

    @contextmanager
    def _aside(self, name: str, content: Any) -> Iterator[Path]:
        """A synced file to be moved to its name; afterwards its folder is synced and what is left aside is gone."""
        target, aside = self.root / name, self._writing / uuid.uuid4().hex
        try:
            self._writing.mkdir(parents=True, exist_ok=True)
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                _settle(target.parent.parent)
            with aside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield aside
            _settle(target.parent)
        except OSError as error:
            raise InputError(
                f"{self.root} cannot be written ({error.strerror or error}): free the disk, or set AURA_HOME to a "
                "directory of yours; nothing was changed"
            ) from error
        finally:
            with suppress(OSError):
                aside.unlink()

    def sweep(self) -> None:
        """Take away what writers that died left aside."""
        with suppress(OSError), os.scandir(self._writing) as left:
            for entry in left:
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > ABANDONED:
                        os.unlink(entry.path)


def _settle(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
