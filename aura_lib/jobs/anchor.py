"""Anchors: the last hash of every chain, signed and kept elsewhere, tells what a ledger cannot tell of itself.

A chain that was cut off with its head, or written anew from the first entry on, holds in itself. An anchor of before
says what stood there. It protects as far as its folder is out of reach of whoever can write the ledger: another disk,
another host, a mail to oneself.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from aura_lib.access import Vault, verify
from aura_lib.core import InputError, LedgerError, Settings, canonical, decode, encode, iso
from aura_lib.ledger import Ledger

SUFFIX = ".anchor.json"


@dataclass(frozen=True, slots=True)
class Anchor:
    """What stood at the end of each chain at a moment: chain → (number, hash) of its last entry; Ed25519-signed.

    `previous` is the signature of the anchor before: one that was taken out of the middle is missed.
    """

    time: datetime
    heads: Mapping[str, tuple[int, str]]
    public_key: str
    signature: str = ""
    previous: str = ""

    def message(self) -> bytes:
        """What is signed: everything but the signature."""
        heads = {chain: [n, own] for chain, (n, own) in self.heads.items()}
        told = [iso(self.time), heads, self.public_key]
        return canonical([*told, self.previous] if self.previous else told).encode()


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
    before = list(kept.values())[-1].signature if kept else ""
    anchor = Anchor(datetime.now(UTC), heads, vault.public_key, previous=before)
    return _keep(replace(anchor, signature=vault.sign(anchor.message())), where)


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


def contradiction(ledger: Ledger, settings: Settings, folder: Path | None = None, *, keys: Collection[str] = ()) -> str:
    """How the ledger differs from what was anchored; empty when it does not, or when nothing was.

    `keys` are public keys (hex) to be trusted besides this vault's own: one that was replaced since, or, on a host
    without the vault, the one that signed.
    """
    kept = read(folder or folder_of(settings))
    if not kept:
        return ""
    vault = Vault(settings.home)
    trusted = {*keys, *([vault.public_key] if vault.exists else [])}
    checks = (_problem(ledger, file.name, anchor, trusted) for file, anchor in kept.items())
    return next((problem for problem in checks if problem), "") or _gap(kept)


def _gap(kept: Mapping[Path, Anchor]) -> str:
    """Where an anchor does not follow the one that is kept before it; empty when each does, or says of none."""
    for (before, old), (file, anchor) in pairwise(kept.items()):
        if anchor.previous and anchor.previous != old.signature:
            return f"{file.name} does not follow {before.name}: an anchor between them was taken away"
    return ""


def _problem(ledger: Ledger, name: str, anchor: Anchor, trusted: Collection[str]) -> str:
    if anchor.public_key not in trusted:
        return (
            f"{name} was signed with another key than this vault's ({anchor.public_key[:16]}…): restore the vault; or "
            "where that key was yours, verify with --key and its public key, and move its anchors to a folder of "
            "their own"
        )
    if not verify(anchor.public_key, anchor.message(), anchor.signature):
        return f"{name}: its signature does not fit, it was changed after it was written"
    for chain, (n, own) in anchor.heads.items():
        found = ledger.journal.hash_of(chain, n)
        if found is None:
            return f"chain {chain} had {n} entries at {iso(anchor.time)} ({name}): it was cut off since"
        if found != own:
            return f"chain {chain}, entry {n} is another than at {iso(anchor.time)} ({name}): it was written anew"
    return ""
