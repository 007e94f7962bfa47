"""Limits of accounts, books and users: the tightest wins, changes are written down, loosening needs leave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.core import InputError, Mode, PermissionDenied
from aura_lib.execution.accounts import Terms, open_account
from aura_lib.execution.limits import LIVE, Rulebook, Scope, set_limits
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.risk import Limits
from aura_lib.risk.pretrade import TradeLimits

ME = who()


@dataclass
class Place:
    ledger: Ledger
    home: Path
    terms: Terms

    def set(self, scope: str, by: str = ME, **values: Any) -> TradeLimits:
        return set_limits(self.ledger, self.home, scope, values, who=by, reason="test")

    @property
    def rules(self) -> Rulebook:
        return Rulebook(self.ledger, self.terms).read()


@pytest.fixture
def place(tmp_path: Path, ledger_url: str) -> Any:
    ledger = Ledger(ledger_url)
    terms = open_account(ledger, Terms("paper", limits=Limits(max_gross=0.8)))
    ledger.journal.append("paper", "cash", {"book": "m", "amount": Decimal(1000), "request": 1, "key": "k"})
    yield Place(ledger, tmp_path, terms)
    ledger.close()


def test_an_account_without_limits_of_its_own_has_those_it_was_opened_with(place: Place) -> None:
    assert place.rules.effective("m", "ada") == TradeLimits(max_gross=0.8)


def test_the_tightest_of_account_book_and_user_wins(place: Place) -> None:
    place.set("paper", max_order_value=5000, collar=0.05)
    place.set("paper/m", max_order_value=3000, collar=0.2, max_gross=2.0)
    place.set("paper@ada", max_order_value=4000, restricted=["X"])
    assert place.rules.effective("m") == TradeLimits(max_gross=0.8, max_order_value=3000, collar=0.05)
    assert place.rules.effective("m", "ada").restricted == ("X",)
    assert place.rules.effective("other").max_order_value == 5000
    assert place.rules.effective("other", "ada").max_order_value == 4000
    assert list(map(str, place.rules.scopes)) == ["paper", "paper/m", "paper@ada"]


def test_a_later_change_counts_and_a_value_can_be_taken_back(place: Place) -> None:
    assert place.set("paper", max_gross=0.5, collar=0.1).max_gross == 0.5
    assert place.set("paper", collar=0.05).max_gross == 0.5
    assert place.set("paper", max_gross="unset") == TradeLimits(max_gross=0.8, collar=0.05)


def test_a_rulebook_that_is_kept_sees_what_was_written_since(place: Place) -> None:
    kept = place.rules
    place.set("paper", max_gross=0.3)
    assert kept.effective().max_gross == 0.3


def test_every_change_is_in_the_journal_with_who_why_and_what_it_loosened(place: Place) -> None:
    place.set("paper", max_gross=0.5)
    place.set("paper", max_gross=0.6)
    entries = place.ledger.journal.entries(SYSTEM, kinds=("limits",))
    assert entries[1].body == {
        "scope": "paper", "limits": {"max_gross": 0.6}, "who": ME, "reason": "test", "loosened": ["max_gross"]
    }  # fmt: skip
    assert [(str(c.scope), c.limits, c.loosened) for c in place.rules.changes] == [
        ("paper", {"max_gross": 0.5}, ()), ("paper", {"max_gross": 0.6}, ("max_gross",)),
    ]  # fmt: skip
    assert place.ledger.journal.verify().ok


def test_the_limits_of_another_account_do_not_count(place: Place) -> None:
    open_account(place.ledger, Terms("paper2"))
    place.set("paper2", max_gross=0.1)
    assert place.rules.effective().max_gross == 0.8


def test_anybody_may_tighten_and_loosening_needs_leave(place: Place) -> None:
    place.set("paper", by="eve", max_gross=0.5)
    for values in ({"max_gross": 0.6}, {"max_gross": "unset"}):
        with pytest.raises(PermissionDenied, match="eve may not `limits` on paper"):
            place.set("paper", by="eve", **values)
    place.set("paper/m", by="eve", collar=0.1)
    with pytest.raises(PermissionDenied):  # also where the account would still bind
        place.set("paper/m", by="eve", collar=None)
    assert len(place.rules.changes) == 2


def test_a_limit_that_is_wider_than_the_accounts_is_kept_and_does_not_count(place: Place) -> None:
    assert place.set("paper/m", by="eve", max_gross=3.0).max_gross == 0.8


@pytest.mark.parametrize(
    ("scope", "values", "message"),
    [
        ("none", {"collar": 0.1}, "no account 'none'"),
        ("paper/x", {"collar": 0.1}, "no book 'x'; books: m"),
        ("paper", {"colar": 0.1}, "no limit is called colar"),
        ("paper", {"colar": "unset"}, "no limit is called colar"),
        ("paper", {"collar": -1}, "collar must be a finite number"),
        ("paper", {"collar": float("nan")}, "collar must be a finite number"),
        ("paper", {}, "nothing to set"),
        ("", {"collar": 0.1}, "not of ''"),
        ("paper/", {"collar": 0.1}, "not of 'paper/'"),
        ("paper@", {"collar": 0.1}, "not of 'paper@'"),
        ("paper/m@ada", {"collar": 0.1}, "not of 'paper/m@ada'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    place: Place, scope: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        set_limits(place.ledger, place.home, scope, values, who=ME, reason="test")
    assert place.ledger.journal.entries(SYSTEM, kinds=("limits",)) == []


def test_a_change_needs_a_reason(place: Place) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        set_limits(place.ledger, place.home, "paper", {"collar": 0.1}, who=ME, reason=" ")


def test_a_live_account_starts_with_limits_of_its_own(place: Place) -> None:
    terms = replace(place.terms)
    object.__setattr__(terms, "account_class", Mode.LIVE)
    found = Rulebook(place.ledger, terms).effective()
    assert {name: getattr(found, name) for name in LIVE} == LIVE
    assert found.max_gross == 0.8


def test_scopes_are_written_as_they_are_read() -> None:
    for text in ("paper", "paper/m", "paper@ada"):
        assert str(Scope.of(text)) == text
