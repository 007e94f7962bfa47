"""Permissions: who may do what, said in a file, and the sentence that somebody gets who may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_lib.access import Action, Permissions, may, who
from aura_lib.core import InputError, Mode, PermissionDenied

FILE = """\
users:
  ada:
    - {do: all, on: all}
  bob:
    - {do: [view, trade-paper], on: [paper, research]}
    - do: halt
      on: all
  assistant:
    - {do: view, on: all}
  nobody: []
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def written(home: Path, text: str = FILE) -> Path:
    file = home / "permissions.yaml"
    file.write_text(text)
    file.chmod(0o644)
    return home


@pytest.mark.parametrize("action", list(Action))
def test_without_a_file_the_owner_may_do_everything_on_simulated_accounts(home: Path, action: Action) -> None:
    if action is not Action.TRADE_LIVE:
        may(home, who(), action, Mode.PAPER, "paper")


@pytest.mark.parametrize("action", ["trade-live", "resume", "limits", "mend", "flatten", "promote", "protect", "cash"])
def test_without_a_file_the_owner_may_not_act_on_live_accounts(home: Path, action: str) -> None:
    with pytest.raises(PermissionDenied, match=rf"may not `{action}` on real .*a live account: write permissions.yaml"):
        may(home, who(), action, Mode.LIVE, "real")


@pytest.mark.parametrize("action", ["view", "halt", "cancel"])
def test_what_makes_nothing_worse_needs_no_file_on_a_live_account(home: Path, action: str) -> None:
    may(home, who(), action, Mode.LIVE, "real")


def test_without_a_file_others_may_do_nothing(home: Path) -> None:
    with pytest.raises(PermissionDenied, match=f"eve may not `view` on paper .*only {who()}, who owns the home, may"):
        may(home, "eve", "view", Mode.PAPER, "paper")


def test_a_home_that_is_not_there_yet_belongs_to_who_asks(home: Path) -> None:
    may(home / "later", who(), "trade-paper", Mode.PAPER, "paper")


@pytest.mark.parametrize(
    ("user", "action", "kind", "account", "allowed"),
    [
        ("ada", "trade-live", Mode.LIVE, "real", True),
        ("ada", "resume", Mode.LIVE, "ALL", True),
        ("bob", "trade-paper", Mode.PAPER, "paper", True),
        ("bob", "trade-paper", Mode.PAPER, "other", False),
        ("bob", "resume", Mode.PAPER, "paper", False),
        ("bob", "halt", Mode.LIVE, "real", True),
        ("assistant", "view", Mode.LIVE, "real", True),
        ("assistant", "trade-paper", Mode.PAPER, "paper", False),
        ("nobody", "view", Mode.PAPER, "paper", False),
        ("eve", "view", Mode.PAPER, "paper", False),
    ],
)
def test_a_file_gives_exactly_what_it_says(
    home: Path, user: str, action: str, kind: Mode, account: str, allowed: bool
) -> None:
    written(home)
    if allowed:
        may(home, user, action, kind, account)
    else:
        with pytest.raises(PermissionDenied, match=f"{user} may not `{action}` on {account} .*permissions.yaml gives"):
            may(home, user, action, kind, account)


def test_with_a_file_the_owner_has_no_rights_beyond_it(home: Path) -> None:
    written(home)
    with pytest.raises(PermissionDenied):
        may(home, who() if who() not in ("ada", "bob") else "else", "trade-paper", Mode.PAPER, "paper")


def test_what_is_asked_of_all_accounts_needs_a_right_on_all(home: Path) -> None:
    written(home, "users: {bob: [{do: resume, on: [paper]}]}\n")
    may(home, "bob", "resume", Mode.PAPER, "paper")
    with pytest.raises(PermissionDenied):
        may(home, "bob", "resume", Mode.PAPER, "ALL")


@pytest.mark.parametrize(("action", "kind"), [("trade-live", Mode.PAPER), ("trade-paper", Mode.LIVE)])
def test_the_right_to_trade_on_paper_is_none_to_trade_live(home: Path, action: str, kind: Mode) -> None:
    written(home)
    with pytest.raises(PermissionDenied, match="is not for it"):
        may(home, "ada", action, kind, "x")


def test_an_unknown_action_is_named_with_the_nearest_one(home: Path) -> None:
    with pytest.raises(InputError, match="'resum': did you mean resume"):
        may(home, "ada", "resum", Mode.PAPER, "paper")


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "expected a file with `users:`"),
        ("- ada\n", 1, "expected a file"),
        ("users: {}\nroles: {}\n", 1, "expected `users:` and nothing else"),
        ("users:\n  ada: all\n", 2, "must be a list"),
        ("users:\n  ada:\n    - view\n", 3, "expected a right"),
        ("users:\n  ada:\n    - {do: view}\n", 3, "`do` and `on`, not do"),
        ("users:\n  ada:\n    - {do: view, on: all, for: me}\n", 3, "not do, on, for"),
        ("users:\n  ada:\n    - do: veiw\n      on: all\n", 3, "'veiw': did you mean view"),
        ("users:\n  ada:\n    - do: view\n      on:\n", 4, "expected a name"),
        ("users:\n  ada: []\n  ada: []\n", 3, "'ada' is no name, or is there twice"),
        ("users:\n  ada: [\n", 3, "no YAML"),
        ("users:\n  ada:\n    - {do: [view, [halt]], on: all}\n", 3, "expected a name"),
    ],
)
def test_a_bad_file_is_refused_by_its_name_and_line(home: Path, text: str, line: int, why: str) -> None:
    written(home, text)
    with pytest.raises(InputError) as caught:
        may(home, "ada", "view", Mode.PAPER, "paper")
    assert str(caught.value).startswith(f"permissions.yaml, line {line}: ")
    assert why in str(caught.value)


def test_a_file_that_others_can_change_is_refused(home: Path) -> None:
    written(home)
    (home / "permissions.yaml").chmod(0o666)
    with pytest.raises(InputError, match="can be changed by others"):
        Permissions.of(home)


def test_a_file_that_is_no_text_is_refused(home: Path) -> None:
    (home / "permissions.yaml").write_bytes(b"\xff\xfe\x00")
    (home / "permissions.yaml").chmod(0o600)
    with pytest.raises(InputError, match=r"permissions.yaml cannot be read"):
        Permissions.of(home)
