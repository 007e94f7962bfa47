"""The journal: append-only, chained, and any change to it is found and named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from aura_lib.core import InputError, LedgerError
from aura_lib.ledger import SYSTEM, Ledger

ENTRIES = 12


def filled(folder: Path) -> Path:
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        for number in range(1, ENTRIES + 1):
            ledger.journal.append("paper", "cash", {"book": "m", "amount": str(number), "request": number})
        ledger.journal.append(SYSTEM, "halt", {"scope": "ALL", "reason": "test", "who": "me"})
    return folder / "ledger.db"


def problem_after(file: Path, *statements: str) -> str:
    """Tamper as somebody who owns the file can: past the triggers. Then verify."""
    with sqlite3.connect(file) as database:
        database.execute("DROP TRIGGER journal_no_update")
        database.execute("DROP TRIGGER journal_no_delete")
        for statement in statements:
            database.execute(statement)
    database.close()
    with Ledger(f"sqlite:///{file}") as ledger:
        return ledger.journal.verify().problem


@pytest.mark.parametrize("column", ["time", "kind", "key", "body", "prev", "hash"])
@pytest.mark.parametrize("n", [1, 7, ENTRIES])
def test_one_changed_byte_is_found_and_its_entry_named(tmp_path: Path, column: str, n: int) -> None:
    change = (
        f"UPDATE journal SET {column} = 'X' || substr(coalesce({column}, 'x'), 2) WHERE chain = 'paper' AND n = {n}"
    )
    assert problem_after(filled(tmp_path), change).startswith(f"chain paper, entry {n} ")


def test_every_single_byte_of_a_body_counts(tmp_path: Path) -> None:
    file = filled(tmp_path)
    with sqlite3.connect(file) as database:
        (body,) = database.execute("SELECT body FROM journal WHERE chain = 'paper' AND n = 5").fetchone()
        database.execute("DROP TRIGGER journal_no_update")
    for place in range(len(body)):
        changed = body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]
        with sqlite3.connect(file) as database:
            database.execute("UPDATE journal SET body = ? WHERE chain = 'paper' AND n = 5", (changed,))
        database.close()
        with Ledger(f"sqlite:///{file}") as ledger:
            assert ledger.journal.verify().problem.startswith("chain paper, entry 5 "), changed


def test_a_removed_entry_is_found(tmp_path: Path) -> None:
    assert "entry 8 " in problem_after(filled(tmp_path), "DELETE FROM journal WHERE chain = 'paper' AND n = 7")


def test_two_swapped_entries_are_found(tmp_path: Path) -> None:
    swap = [
        f"UPDATE journal SET n = {new} WHERE chain = 'paper' AND n = {old}" for old, new in ((3, 99), (4, 3), (99, 4))
    ]
    assert "entry 3 " in problem_after(filled(tmp_path), *swap)


def test_an_entry_put_at_the_end_without_its_hash_is_found(tmp_path: Path) -> None:
    forged = (
        "INSERT INTO journal (chain, n, time, kind, body, prev, hash) "
        f"SELECT chain, {ENTRIES + 1}, time, kind, body, hash, 'forged' FROM journal "
        f"WHERE chain = 'paper' AND n = {ENTRIES}"
    )
    assert f"entry {ENTRIES + 1} " in problem_after(filled(tmp_path), forged)


def test_a_cut_off_tail_is_found(tmp_path: Path) -> None:
    problem = problem_after(filled(tmp_path), f"DELETE FROM journal WHERE chain = 'paper' AND n > {ENTRIES - 2}")
    assert (
        problem == f"chain paper ends at entry {ENTRIES - 2}, but entry {ENTRIES} was written last: its tail is missing"
    )


def test_the_hash_is_sha256_of_the_content_and_the_hash_before(tmp_path: Path) -> None:
    """Recomputed with nothing of ours: JSON with sorted keys and no spaces, then SHA-256."""
    with sqlite3.connect(filled(tmp_path)) as database:
        rows = database.execute(
            "SELECT chain, n, time, kind, key, body, prev, hash FROM journal ORDER BY chain, n"
        ).fetchall()
    before = {}
    for *content, prev, found in rows:
        assert prev == before.get(content[0], "0" * 64)
        text = json.dumps([*content, prev], separators=(",", ":"), ensure_ascii=False)
        assert found == hashlib.sha256(text.encode()).hexdigest()
        before[content[0]] = found


def test_what_may_be_written_once_is_written_once(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        first = ledger.journal.append("paper", "fill", {"price": "1"}, key="fill:x")
        again = ledger.journal.append("paper", "fill", {"price": "2"}, key="fill:x")
        other = ledger.journal.append("other", "fill", {"price": "2"}, key="fill:x")
        assert again == first and other.body == {"price": "2"}
        assert len(ledger.journal.entries("paper")) == 1


def test_a_file_that_is_no_ledger_is_a_clear_error_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"this is a shopping list, not a database" * 50)
    before = file.read_bytes()
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_value_without_a_canonical_form_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        for value in (float("nan"), object(), {1, 2}):
            with pytest.raises(InputError):
                ledger.journal.append("paper", "cash", {"value": value})
        assert ledger.journal.entries("paper") == []
