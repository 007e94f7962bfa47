"""The vault's signing key."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from aura_lib.access import Vault, verify
from aura_lib.core import InputError, PermissionDenied


def test_a_signature_holds_for_its_message_and_key_alone(tmp_path: Path) -> None:
    vault, other = Vault(tmp_path / "a"), Vault(tmp_path / "b")
    signature = vault.sign(b"promote this")
    assert verify(vault.public_key, b"promote this", signature)
    assert not verify(vault.public_key, b"promote that", signature)
    assert not verify(other.public_key, b"promote this", signature)
    assert not verify(vault.public_key, b"promote this", "not even hex")


def test_the_key_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = Vault(tmp_path).public_key
    assert Vault(tmp_path).public_key == key
    file = tmp_path / "vault" / "signing.key"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(PermissionDenied, match="chmod 600"):
        Vault(tmp_path).sign(b"x")


def test_a_damaged_key_is_named_and_never_replaced(tmp_path: Path) -> None:
    _ = Vault(tmp_path).public_key
    file = tmp_path / "vault" / "signing.key"
    file.write_bytes(b"short")
    with pytest.raises(InputError, match="no Ed25519 key"):
        Vault(tmp_path).sign(b"x")
    assert file.read_bytes() == b"short"


def _key(home: str, keys: multiprocessing.Queue) -> None:
    keys.put(Vault(Path(home)).public_key)


def test_two_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    keys: multiprocessing.Queue = context.Queue()
    both = [context.Process(target=_key, args=(str(tmp_path), keys)) for _ in range(2)]
    for process in both:
        process.start()
    found = {keys.get(timeout=30) for _ in both}
    for process in both:
        process.join()
    assert len(found) == 1
