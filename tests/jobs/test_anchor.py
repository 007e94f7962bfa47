"""What a ledger cannot tell of itself: that its end was cut off with its head, or that all of it was written anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from aura_lib.access import Vault
from aura_lib.cli import app
from aura_lib.core import InputError, LedgerError, Settings, encode
from aura_lib.jobs import anchor
from aura_lib.ledger import SYSTEM, Ledger
from tests.contracts.test_ledgers import run, unguarded


@pytest.fixture
def settings(tmp_path: Path, ledger_url: str) -> Settings:
    return Settings(tmp_path / "home", ledger_url, anchors=tmp_path / "elsewhere")


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.open(settings) as opened:
        for number in range(1, 9):
            opened.journal.append("paper", "cash", {"amount": str(number)})
        opened.journal.append(SYSTEM, "halt", {"reason": "test"})
        yield opened


def test_an_anchor_says_what_stood_there_and_anybody_can_check_its_signature(
    ledger: Ledger, settings: Settings
) -> None:
    kept = json.loads(anchor.write(ledger, settings).read_text())
    last = ledger.journal.entries("paper")[-1]
    assert kept["heads"]["paper"] == [8, last.hash] and set(kept["heads"]) == {"paper", SYSTEM}
    signed = json.dumps([kept["time"], kept["heads"], kept["public_key"]], sort_keys=True, separators=(",", ":"))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(kept["public_key"]))
    key.verify(bytes.fromhex(kept["signature"]), signed.encode())


def test_nothing_new_is_anchored_once(ledger: Ledger, settings: Settings) -> None:
    first = anchor.write(ledger, settings)
    assert anchor.write(ledger, settings) == first
    ledger.journal.append("paper", "cash", {"amount": "9"})
    second = anchor.write(ledger, settings)
    assert second != first and list(anchor.read(settings.anchors or Path())) == [first, second]
    assert anchor.contradiction(ledger, settings) == ""


def test_a_tail_that_was_cut_off_with_its_head_verifies_and_contradicts_the_anchor(
    ledger: Ledger, settings: Settings
) -> None:
    anchor.write(ledger, settings)
    hash_6 = ledger.journal.hash_of("paper", 6)
    cut = "DELETE FROM journal WHERE chain = 'paper' AND n > 6"
    head = f"UPDATE heads SET n = 6, hash = '{hash_6}' WHERE chain = 'paper'"
    run(settings.database_url, *unguarded(settings.database_url), cut, head)
    assert ledger.journal.verify().ok, "the chain itself knows nothing of it"
    assert "chain paper had 8 entries" in anchor.contradiction(ledger, settings)
    with pytest.raises(LedgerError, match="No anchor was written"):
        anchor.write(ledger, settings)


def test_a_ledger_that_was_written_anew_verifies_and_contradicts_the_anchor(ledger: Ledger, settings: Settings) -> None:
    anchor.write(ledger, settings)
    run(settings.database_url, *unguarded(settings.database_url), "DELETE FROM journal", "DELETE FROM heads")
    for number in range(1, 12):
        ledger.journal.append("paper", "cash", {"amount": str(number * 100)})
    ledger.journal.append(SYSTEM, "halt", {"reason": "test"})
    assert ledger.journal.verify().ok
    assert "chain paper, entry 8 is another than at " in anchor.contradiction(ledger, settings)


@pytest.mark.parametrize("change", ["hash", "number", "signature", "key", "no json"])
def test_an_anchor_that_was_changed_is_found(ledger: Ledger, settings: Settings, change: str) -> None:
    file = anchor.write(ledger, settings)
    kept = json.loads(file.read_text())
    if change == "hash":
        kept["heads"]["paper"][1] = "0" * 64
    elif change == "number":
        kept["heads"]["paper"][0] = 7
    elif change == "signature":
        kept["signature"] = kept["signature"][:-2] + ("01" if kept["signature"].endswith("00") else "00")
    elif change == "key":
        kept["public_key"] = "11" * 32
    file.write_text("{" if change == "no json" else json.dumps(kept))
    if change == "no json":
        with pytest.raises(LedgerError, match="is no anchor"):
            anchor.contradiction(ledger, settings)
    else:
        told = {"key": "another key"}.get(change, "its signature does not fit")
        assert told in anchor.contradiction(ledger, settings)


def test_a_folder_that_cannot_be_written_is_a_clear_error(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="set AURA_ANCHORS"):
        anchor.write(ledger, replace(settings, anchors=tmp_path / "file"))


def test_the_command_writes_one_and_verify_compares_with_it(aura_home: Path, tmp_path: Path) -> None:
    command = CliRunner().invoke
    with Ledger.open() as ledger:
        ledger.control.switch("ALL", True, "test", "me")
    where = ["--anchors", str(tmp_path / "mine")]
    assert command(app, ["ledger", "anchor", *where]).exit_code == 0
    agreed = command(app, ["ledger", "verify", *where, "--json"])
    assert (agreed.exit_code, json.loads(agreed.output)["anchors"]) == (0, 1)
    url = Settings.load().database_url
    run(url, *unguarded(url), "DELETE FROM journal", "DELETE FROM heads")
    found = command(app, ["ledger", "verify", *where])
    assert found.exit_code == 9 and "it was cut off since" in " ".join(found.output.split())


def grown(ledger: Ledger, settings: Settings, count: int) -> list[Path]:
    """So many anchors, each of a longer ledger."""
    files = []
    for number in range(count):
        ledger.journal.append("paper", "cash", {"amount": str(number)})
        files.append(anchor.write(ledger, settings))
    return files


def test_an_anchor_that_was_taken_out_of_the_middle_is_missed(ledger: Ledger, settings: Settings) -> None:
    first, second, third = grown(ledger, settings, 3)
    second.unlink()
    problem = anchor.contradiction(ledger, settings)
    assert problem == f"{third.name} does not follow {first.name}: an anchor between them was taken away"


def test_an_anchor_of_before_they_followed_each_other_still_counts(ledger: Ledger, settings: Settings) -> None:
    """Signed over three things, and without the name of the one before: as the first ones were."""
    vault = Vault(settings.home)
    old = anchor.Anchor(datetime(2026, 11, 1, tzinfo=UTC), ledger.journal.tops(), vault.public_key)
    heads = {chain: list(top) for chain, top in old.heads.items()}
    told = {"time": "2026-11-01T00:00:00.000000Z", "heads": heads, "public_key": vault.public_key}
    assert old.message() == json.dumps(list(told.values()), sort_keys=True, separators=(",", ":")).encode()
    folder = settings.anchors or Path()
    folder.mkdir()
    file = folder / "20261101T000000000000Z.anchor.json"
    file.write_text(json.dumps({**told, "signature": vault.sign(old.message())}))
    assert anchor.contradiction(ledger, settings) == ""
    grown(ledger, settings, 2)
    assert anchor.contradiction(ledger, settings) == ""


def test_an_anchor_signed_by_somebody_else_is_no_anchor_whatever_it_says(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    """Who rewrites the ledger can sign with a key of his own: it is not the vault's."""
    (file,) = grown(ledger, settings, 1)
    forger = Vault(tmp_path / "forger")
    told = anchor.read(settings.anchors or Path())[file]
    forged = replace(told, public_key=forger.public_key)
    forged = replace(forged, signature=forger.sign(forged.message()))
    file.write_text(json.dumps(encode(forged)))
    assert "signed with another key" in anchor.contradiction(ledger, settings)


def test_after_a_change_of_keys_the_old_anchors_hold_with_the_old_public_key(
    ledger: Ledger, settings: Settings
) -> None:
    old = Vault(settings.home).public_key
    grown(ledger, settings, 2)
    (settings.home / "vault" / "signing.key").unlink()
    assert Vault(settings.home).public_key != old
    assert "verify with --key" in anchor.contradiction(ledger, settings)
    assert anchor.contradiction(ledger, settings, keys=[old]) == ""
    (settings.anchors or Path()).rename(settings.home / "of the old key")
    assert len(grown(ledger, settings, 1)) == 1
    assert anchor.contradiction(ledger, settings) == ""


def test_another_host_without_the_vault_verifies_with_the_public_key(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    grown(ledger, settings, 1)
    elsewhere = replace(settings, home=tmp_path / "another host")
    assert "signed with another key" in anchor.contradiction(ledger, elsewhere)
    assert anchor.contradiction(ledger, elsewhere, keys=[Vault(settings.home).public_key]) == ""


def test_verify_says_how_far_anchors_in_the_ledger_s_own_folder_can_be_trusted(aura_home: Path) -> None:
    def said(*words: str) -> str:
        return " ".join(CliRunner().invoke(app, ["ledger", *words]).output.split())

    with Ledger.open() as ledger:
        ledger.control.switch("ALL", True, "test", "me")
    assert "Anchors: none in " in said("verify")
    said("anchor")
    assert "1 agree, the newest of " in said("verify") and "set AURA_ANCHORS to a folder out of reach" in said("verify")
