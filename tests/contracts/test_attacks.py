"""Who has the database's password tries to change the past: what is found, and which entry is named first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aura_lib.jobs.audit import audit
from aura_lib.ledger import Ledger
from aura_lib.ledger.journal import GENESIS, chained
from tests.contracts.test_ledgers import run, unguarded

ENTRIES = 12
COLUMNS = "chain, n, time, kind, key, body, prev, hash"


def filled(url: str) -> None:
    """Two accounts' chains, written in turns."""
    with Ledger(url) as ledger, ledger.write() as connection:
        for number in range(1, ENTRIES + 1):
            for chain in ("one", "two"):
                body = {"book": "m", "amount": str(number)}
                ledger.journal.append_in(connection, chain, "cash", body, key=f"cash:{number}")


def problem_after(url: str, *statements: str) -> str:
    filled(url)
    run(url, *unguarded(url), *statements)
    with Ledger(url) as ledger:
        return ledger.journal.verify().problem


def of(n: int, chain: str = "one") -> str:
    return f"chain = '{chain}' AND n = {n}"


def moved(pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Entries of a chain under other numbers; no two have the same at any moment."""
    away = [f"UPDATE journal SET n = {old + 1000} WHERE {of(old)}" for old, _ in pairs]
    return away + [f"UPDATE journal SET n = {new} WHERE {of(old + 1000)}" for old, new in pairs]


def inserted(at: int) -> list[str]:
    """A copy of an entry squeezed in, and all behind it one number further."""
    later = moved([(n, n + 1) for n in range(at, ENTRIES + 1)])
    copied = f"INSERT INTO journal ({COLUMNS}) SELECT chain, {at}, time, kind, 'new', body, prev, hash FROM journal"
    head = f"UPDATE heads SET n = {ENTRIES + 1} WHERE chain = 'one'"
    return [*later, f"{copied} WHERE {of(at + 1)}", head]


@pytest.mark.parametrize(("n", "column"), [(1, "body"), (7, "key"), (ENTRIES, "time")])
def test_a_changed_entry_is_named(ledger_url: str, column: str, n: int) -> None:
    change = f"UPDATE journal SET {column} = 'X' || substr({column}, 2) WHERE {of(n)}"
    assert problem_after(ledger_url, change).startswith(f"chain one, entry {n} (")


@pytest.mark.parametrize("n", [1, 7, ENTRIES - 1])
def test_where_an_entry_was_removed_the_one_behind_it_is_named(ledger_url: str, n: int) -> None:
    problem = problem_after(ledger_url, f"DELETE FROM journal WHERE {of(n)}")
    assert problem.startswith(f"chain one, entry {n + 1} (") and f"expected entry {n} here" in problem


@pytest.mark.parametrize("n", [1, 7])
def test_closing_the_gap_does_not_help(ledger_url: str, n: int) -> None:
    closed = moved([(m, m - 1) for m in range(n + 1, ENTRIES + 1)])
    head = f"UPDATE heads SET n = {ENTRIES - 1} WHERE chain = 'one'"
    assert problem_after(ledger_url, f"DELETE FROM journal WHERE {of(n)}", *closed, head).startswith(
        f"chain one, entry {n} ("
    )


def test_the_last_entry_that_is_gone_is_missed(ledger_url: str) -> None:
    told = problem_after(ledger_url, f"DELETE FROM journal WHERE {of(ENTRIES)}")
    assert told == f"chain one ends at entry {ENTRIES - 1}, but entry {ENTRIES} was written last: its tail is missing"


def test_a_whole_chain_that_is_gone_is_missed(ledger_url: str) -> None:
    told = problem_after(ledger_url, "DELETE FROM journal WHERE chain = 'two'")
    assert told.startswith("chain two ends at entry 0, but entry 12")


@pytest.mark.parametrize("at", [1, 7, ENTRIES])
def test_an_inserted_entry_is_named(ledger_url: str, at: int) -> None:
    assert problem_after(ledger_url, *inserted(at)).startswith(f"chain one, entry {at} (")


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 9), (ENTRIES - 1, ENTRIES)])
def test_of_entries_that_changed_places_the_first_is_named(ledger_url: str, one: int, other: int) -> None:
    told = problem_after(ledger_url, *moved([(one, other), (other, one)]))
    assert told.startswith(f"chain one, entry {one} (")


def test_entries_of_two_accounts_that_changed_places_are_found(ledger_url: str) -> None:
    swap = [
        f"UPDATE journal SET chain = 'third', n = 5, key = 'x' WHERE {of(5)}",
        f"UPDATE journal SET chain = 'one' WHERE {of(5, 'two')}",
        f"UPDATE journal SET chain = 'two', key = 'cash:5' WHERE {of(5, 'third')}",
    ]
    assert problem_after(ledger_url, *swap).startswith("chain one, entry 5 (")


def test_two_whole_chains_under_each_other_s_name_are_found(ledger_url: str) -> None:
    swap = [
        f"UPDATE {table} SET chain = '{new}' WHERE chain = '{old}'"
        for table in ("journal", "heads")
        for old, new in (("one", "third"), ("two", "one"), ("third", "two"))
    ]
    assert problem_after(ledger_url, *swap).startswith("chain one, entry 1 (")


def test_a_changed_entry_with_a_hash_that_fits_is_found_at_the_next(ledger_url: str) -> None:
    """The one entry holds in itself; what follows was hashed onto the old one."""
    filled(ledger_url)
    with Ledger(ledger_url) as ledger:
        six, seven = ledger.journal.entries("one")[5:7]
    body = '{"amount":"7000","book":"m"}'
    forged = chained("one", 7, seven.time, seven.kind, seven.key, body, six.hash)
    run(ledger_url, *unguarded(ledger_url), f"UPDATE journal SET body = '{body}', hash = '{forged}' WHERE {of(7)}")
    with Ledger(ledger_url) as ledger:
        assert "entry 8 (" in (problem := ledger.journal.verify().problem) and "does not follow entry 7" in problem


def test_a_first_entry_that_follows_something_is_found(ledger_url: str) -> None:
    assert GENESIS == "0" * 64
    assert problem_after(ledger_url, f"UPDATE journal SET prev = '{'1' * 64}' WHERE {of(1)}").startswith(
        "chain one, entry 1 ("
    )


def test_a_kill_switch_that_was_turned_past_aura_is_found(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.control.switch("ALL", True, "a bad day", "ada")
        ledger.control.switch("paper", True, "a bad day", "ada")
        ledger.control.switch("paper", False, "better", "ada")
        assert audit(ledger).ok
    run(ledger_url, "UPDATE switches SET halted = FALSE", "DELETE FROM switches WHERE scope = 'paper'")
    with Ledger(ledger_url) as ledger:
        found = audit(ledger)
    assert (found.ok, found.switches) == (False, ("ALL",))
    assert "KILL SWITCH of ALL is not as the journal has it" in found.line()


def test_what_is_changed_in_the_inbox_once_it_was_answered_changes_no_book(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.inbox.ask("paper", "cash", {"book": "m", "amount": "5"}, "k")
        ledger.journal.append("paper", "cash", {"book": "m", "amount": "5", "request": 1, "key": "k"}, key="k")
    run(ledger_url, 'UPDATE requests SET body = \'{"amount":"5000000","book":"m"}\'')
    with Ledger(ledger_url) as ledger:
        view = ledger.account("paper")
        assert (view.account("m").cash, ledger.inbox.asked("paper", view.request)) == (5, [])
        assert ledger.journal.verify().ok
