"""Many entries in one transaction: the same journal as one by one, in a few statements."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from aura_lib.core import InputError
from aura_lib.ledger import Ledger

MANY: list[tuple[str, dict[str, Any], str | None]] = [
    ("cash", {"amount": str(number), "book": "ü"}, f"key {number}" if number % 3 else None) for number in range(2_500)
]


def test_many_entries_are_chained_as_one_by_one_and_verify(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.journal.append("paper", "desk.started", {})
        with ledger.write() as connection:
            made = ledger.journal.append_many_in(connection, "paper", MANY)
            ledger.journal.append_in(connection, "paper", "desk.started", {})
        assert ledger.journal.entries("paper", after=1)[:-1] == made
        assert [(e.kind, e.body, e.key) for e in made] == MANY
        assert [e.n for e in made] == list(range(2, len(MANY) + 2))
        assert (ledger.journal.verify().problem, ledger.journal.verify().entries) == ("", len(MANY) + 2)


def test_a_taken_key_gives_the_entry_that_has_it_whether_old_or_in_the_same_list(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        first = ledger.journal.append("paper", "fill", {"number": 1}, key="fill:a")
        with ledger.write() as connection:
            asked = [
                ("fill", {"number": 2}, "fill:b"),
                ("fill", {"number": 3}, "fill:a"),
                ("status", {}, None),
                ("fill", {"number": 4}, "fill:b"),
            ]
            b, a, status, again = ledger.journal.append_many_in(connection, "paper", asked)
        assert (a, again) == (first, b)
        assert [e.kind for e in ledger.journal.entries("paper")] == ["fill", "fill", "status"]
        assert (b.n, status.n, ledger.journal.verify().ok) == (2, 3, True)


def test_a_list_of_taken_keys_or_none_at_all_writes_nothing(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        first = ledger.journal.append("paper", "fill", {"number": 1}, key="fill:a")
        with ledger.write() as connection:
            assert ledger.journal.append_many_in(connection, "paper", []) == []
            assert ledger.journal.append_many_in(connection, "paper", [("fill", {"number": 9}, "fill:a")]) == [first]
        assert ledger.journal.tops() == {"paper": (1, first.hash)}


def test_the_same_key_in_another_chain_is_free(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.journal.append("one", "fill", {"number": 1}, key="fill:a")
        with ledger.write() as connection:
            (made,) = ledger.journal.append_many_in(connection, "two", [("fill", {"number": 2}, "fill:a")])
        assert (made.chain, made.n, made.body) == ("two", 1, {"number": 2})


def test_one_body_that_has_no_canonical_form_stops_all_of_them(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        with pytest.raises(InputError, match="no canonical form"), ledger.write() as connection:
            ledger.journal.append_many_in(connection, "paper", [("a", {}, None), ("b", {"x": float("nan")}, None)])
        assert ledger.journal.last() == 0


def test_the_number_of_statements_does_not_grow_with_the_number_of_entries(ledger_url: str) -> None:
    told: list[str] = []
    with Ledger(ledger_url) as ledger:
        ledger.journal.append("paper", "desk.started", {})
        for count in (10, 1_000):
            entries = [("fill", {"number": n}, f"fill:{count}:{n}") for n in range(count)]
            with ledger.write() as connection:
                sa.event.listen(connection, "before_cursor_execute", lambda *a: told.append(a[2]))
                told.clear()
                ledger.journal.append_many_in(connection, "paper", entries)
                assert len(told) == 5, told  # head, keys, insert, numbers, head again
