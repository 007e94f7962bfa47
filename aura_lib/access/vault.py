"""The vault's signing key (Ed25519): what this installation vouches for, anybody can check."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from aura_lib.core import InputError, PermissionDenied


def who() -> str:
    """The person or service asking: the operating system's user name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


class Vault:
    """A directory only its owner can read. It holds the key that signs promotions."""

    def __init__(self, home: Path) -> None:
        self._directory = home / "vault"
        self._file = self._directory / "signing.key"

    @property
    def exists(self) -> bool:
        """Whether there is a key yet; the first signature makes one."""
        return self._file.exists()

    def _key(self) -> Ed25519PrivateKey:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._file.exists():
            self._create()
        mode = self._file.stat().st_mode & 0o077
        if mode:
            raise PermissionDenied(f"{self._file} can be read by others: run chmod 600 on it, and rotate the key")
        try:
            return Ed25519PrivateKey.from_private_bytes(self._file.read_bytes())
        except ValueError:
            raise InputError(f"{self._file} holds no Ed25519 key: restore it from a backup") from None

    def _create(self) -> None:
        raw = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        fresh = self._directory / f".signing.{os.getpid()}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, self._file)  # the first to come wins; a key is never replaced in silence
        except FileExistsError:
            pass
        finally:
            fresh.unlink()

    @property
    def public_key(self) -> str:
        """The key that checks this vault's signatures (hex)."""
        return self._key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, message: bytes) -> str:
        """Signature of a message (hex)."""
        return self._key().sign(message).hex()


def verify(public_key: str, message: bytes, signature: str) -> bool:
    """Whether `signature` is `public_key`'s on `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
