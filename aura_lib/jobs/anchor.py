"""Anchors: the last hash of every chain, signed and kept elsewhere, tells what a ledger cannot tell of itself.

A chain that was cut off with its head, or written anew from the first entry on, holds in itself. An anchor of before
says what stood there. It protects as far as its folder is out of reach of whoever can write the ledger: another disk,
another host, a mail to oneself.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aura_lib.access import Vault, verify
from aura_lib.core import InputError, LedgerError, Settings, canonical, decode, encode, iso
from aura_lib.ledger import Ledger

SUFFIX = ".anchor.json"


@dataclass(frozen=True, slots=True)
class Anchor:
    """What stood at the end of each chain at a moment: chain → (number, hash) of its last entry; Ed25519-signed."""

    time: datetime
    heads: Mapping[str, tuple[int, str]]
    public_key: str
    signature: str = ""

    def message(self) -> bytes:
        """What is signed: everything but the signature."""
        heads = {chain: [n, own] for chain, (n, own) in self.heads.items()}
        return canonical([iso(self.time), heads, self.public_key]).encode()


def folder_of(settings: Settings) -> Path:
    """Where anchors are kept: AURA_ANCHORS, else a folder in AURA_HOME, which finds mistakes but no owner's malice."""
    return settings.anchors or settings.home / "anchors"


def write(ledger: Ledger, settings: Settings, folder: Path | None = None) -> Path:
    """Sign what stands now and keep it as a new file; the newest one again when nothing was written since.

    Raises InputError when the folder cannot be written, LedgerError when the ledger contradicts an older anchor there:
    what is broken is not vouched for.
    """
    where = folder or folder_of(settings)
    if problem := contradiction(ledger, settings, where):
        raise LedgerError(f"{problem}. No anchor was written")
    heads = ledger.journal.tops()
    kept = read(where)
    if kept and {chain: tuple(top) for chain, top in list(kept.values())[-1].heads.items()} == heads:
        return list(kept)[-1]
    vault = Vault(settings.home)
    anchor = Anchor(datetime.now(UTC), heads, vault.public_key)
    signed = Anchor(anchor.time, heads, anchor.public_key, vault.sign(anchor.message()))
    return _keep(signed, where)


def _keep(anchor: Anchor, folder: Path) -> Path:
    file = folder / f"{anchor.time:%Y%m%dT%H%M%S%fZ}{SUFFIX}"
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with aside.open("x", encoding="utf-8") as opened:
            opened.write(json.dumps(encode(anchor), indent=1) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        aside.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise InputError(f"no anchor can be written to {folder} ({error.strerror}): set AURA_ANCHORS") from error
    return file


def read(folder: Path) -> dict[Path, Anchor]:
    """Every anchor in a folder, oldest first. A file that is none raises LedgerError."""
    found: dict[Path, Anchor] = {}
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found[file] = decode(Anchor, json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, InputError) as error:
            raise LedgerError(f"{file.name} is no anchor: it was damaged or changed ({error})") from error
    return found


def contradiction(ledger: Ledger, settings: Settings, folder: Path | None = None) -> str:
    """How the ledger differs from what was anchored; empty when it does not, or when nothing was."""
    kept = read(folder or folder_of(settings))
    if not kept:
        return ""
    vault = Vault(settings.home)
    ours = vault.public_key if vault.exists else ""
    checks = (_problem(ledger, file.name, anchor, ours) for file, anchor in kept.items())
    return next((problem for problem in checks if problem), "")


def _problem(ledger: Ledger, name: str, anchor: Anchor, ours: str) -> str:
    if anchor.public_key != ours:
        return f"{name} was signed with another key than this vault's: restore the vault, or remove what is not yours"
    if not verify(anchor.public_key, anchor.message(), anchor.signature):
        return f"{name}: its signature does not fit, it was changed after it was written"
    for chain, (n, own) in anchor.heads.items():
        found = ledger.journal.hash_of(chain, n)
        if found is None:
            return f"chain {chain} had {n} entries at {iso(anchor.time)} ({name}): it was cut off since"
        if found != own:
            return f"chain {chain}, entry {n} is another than at {iso(anchor.time)} ({name}): it was written anew"
    return ""
