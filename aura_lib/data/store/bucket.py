"""Blobs in an S3-compatible object store, through fsspec. Endpoint and keys come from the usual AWS_… variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from aura_lib.core import InputError

__all__ = ["Bucket"]


class Bucket:
    """Blobs under s3://bucket/folder. An object appears whole or not at all; one is created under a condition."""

    def __init__(self, url: str) -> None:
        try:
            import s3fs
        except ModuleNotFoundError:
            raise InputError(f"{url} needs s3fs, which is not installed: pip install 'aura-lib[s3]'") from None
        self._root = url.removeprefix("s3://").strip("/")
        if not self._root:
            raise InputError(f"{url!r} names no bucket: s3://bucket/folder")
        self._files = s3fs.S3FileSystem(use_listings_cache=False)  # another writer's entry must be seen at once

    def where(self, name: str = "") -> str:
        """Its address."""
        return f"s3://{self._root}/{name}"

    def path(self, name: str) -> str:
        """The path that goes with `filesystem`."""
        return f"{self._root}/{name}"

    def filesystem(self) -> Any:
        """What pyarrow's datasets read with."""
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        return PyFileSystem(FSSpecHandler(self._files))

    def read(self, name: str) -> bytes:
        """All bytes."""
        with self._reached():
            content: bytes = self._files.cat_file(self.path(name))
            return content

    def tail(self, name: str, size: int) -> tuple[bytes, int]:
        """The last bytes (all if there are fewer), and the size of the whole."""
        with self._reached():
            whole = int(self._files.info(self.path(name))["size"])
            content: bytes = self._files.cat_file(self.path(name), start=max(0, whole - size), end=whole)
            return content, whole

    def open(self, name: str) -> Any:
        """An open file, read in the ranges that are asked for."""
        with self._reached():
            return self._files.open(self.path(name), "rb", cache_type="readahead", block_size=1 << 20)

    def put(self, name: str, content: Any) -> None:
        """Keep bytes under a name, whole or not at all, whatever was there."""
        with self._written():
            self._files.pipe_file(self.path(name), bytes(content))

    def create(self, name: str, content: bytes) -> bool:
        """Keep bytes under a name that is free (If-None-Match); False when somebody else was first."""
        with self._written():
            try:
                self._files.pipe_file(self.path(name), content, mode="create")
            except FileExistsError:
                return False
        return True

    def names(self, folder: str) -> list[str]:
        """Names of the objects directly in a folder."""
        return self._entries(folder, "file")

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder."""
        return self._entries(folder, "directory")

    def stamp(self, name: str) -> None:
        """Nothing: objects are not changed, and asking would cost a request."""

    def age(self, name: str) -> float:
        """Seconds since it was written."""
        with self._reached():
            written: datetime = self._files.info(self.path(name))["LastModified"]
            return (datetime.now(UTC) - written).total_seconds()

    def delete(self, name: str) -> None:
        """Take it away if it is there."""
        with self._written():
            self._files.rm_file(self.path(name))

    def sweep(self) -> None:
        """Nothing is ever on its way: an upload that was cut leaves no object."""

    def _entries(self, folder: str, kind: str) -> list[str]:
        try:
            with self._reached():
                found = self._files.ls(self.path(folder), detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rpartition("/")[2] for entry in found if entry["type"] == kind)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What has nothing to do with the object itself is told as such."""
        from botocore.exceptions import BotoCoreError

        try:
            yield
        except FileNotFoundError:
            raise
        except (BotoCoreError, PermissionError, OSError) as error:
            raise InputError(
                f"{self.where()} cannot be reached ({type(error).__name__}: {error}): check AURA_DATA_URL, "
                "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            with self._reached():
                yield
        except FileNotFoundError as error:
            raise InputError(f"{self.where()}: there is no such bucket; nothing was changed") from error
