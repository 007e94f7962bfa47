"""What a ledger cannot tell of itself: that its end was cut off with its head, or that all of it was written anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.core import InputError, LedgerError, Settings
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
        ledger.journal.append(SYSTEM, "halt", {"scope": "ALL", "reason": "test", "who": "me"})
    where = ["--anchors", str(tmp_path / "mine")]
    assert command(app, ["ledger", "anchor", *where]).exit_code == 0
    agreed = command(app, ["ledger", "verify", *where, "--json"])
    assert (agreed.exit_code, json.loads(agreed.output)["anchors"]) == (0, 1)
    url = Settings.load().database_url
    run(url, *unguarded(url), "DELETE FROM journal", "DELETE FROM heads")
    found = command(app, ["ledger", "verify", *where])
    assert found.exit_code == 9 and "it was cut off since" in " ".join(found.output.split())
