"""Who may do what on which account: a short file in AURA_HOME, or without one the owner of the home and nothing live.

    # permissions.yaml
    users:
      ada:
        - {do: all, on: all}                            # every action, on every account, live ones too
      bob:
        - {do: [view, trade-paper, halt], on: [paper, research]}
      assistant:                                        # callers that are no person have names, too
        - {do: view, on: all}

A user that is not in the file may do nothing. An action on a live account needs the right to it on that account.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from aura_lib.access.vault import who as current_user
from aura_lib.core import InputError, Mode, PermissionDenied

FILE = "permissions.yaml"
ALL = "all"


class Action(StrEnum):
    """What may be done to an account."""

    VIEW = "view"
    TRADE_PAPER = "trade-paper"
    TRADE_LIVE = "trade-live"
    CANCEL = "cancel"
    HALT = "halt"
    RESUME = "resume"
    FLATTEN = "flatten"
    LIMITS = "limits"
    PROTECT = "protect"
    MEND = "mend"
    CASH = "cash"
    PROMOTE = "promote"


MEANINGS: Mapping[Action, str] = {
    Action.VIEW: "see what an account holds and does",
    Action.TRADE_PAPER: "send orders to an account without real money",
    Action.TRADE_LIVE: "send orders to a live account",
    Action.CANCEL: "cancel orders",
    Action.HALT: "stop an account",
    Action.RESUME: "let an account trade again after a halt",
    Action.FLATTEN: "close all that an account holds",
    Action.LIMITS: "loosen limits",
    Action.PROTECT: "set and remove stops and other protection",
    Action.MEND: "write entries that bring ledger and broker together",
    Action.CASH: "book money, transfers and positions by hand",
    Action.PROMOTE: "let a notebook trade on an account",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions that somebody may do, on some accounts or on all."""

    actions: frozenset[str]
    accounts: frozenset[str]

    def covers(self, action: Action, account: str) -> bool:
        """Whether it allows an action on an account. What is asked of ALL accounts needs a grant on all."""
        return bool({action.value, ALL} & self.actions) and (ALL in self.accounts or account in self.accounts)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Who may do what. `grants` is None without a file: `owner` may do everything where no real money is."""

    owner: str
    grants: Mapping[str, tuple[Grant, ...]] | None = None

    @staticmethod
    def of(home: Path) -> Permissions:
        """The permissions of a home. A file that says nothing clear raises InputError with its name and line."""
        file = home / FILE
        owner = _owner(home)
        return Permissions(owner, read(file)) if file.is_file() else Permissions(owner)

    def allows(self, who: str, action: Action, account_class: Mode, account: str) -> bool:
        """Whether a user may do this."""
        if self.grants is None:
            return who == self.owner and (account_class is not Mode.LIVE or action in FREE)
        return any(grant.covers(action, account) for grant in self.grants.get(who, ()))


FREE = frozenset({Action.VIEW, Action.HALT, Action.CANCEL})  # on live accounts too: they make nothing worse


def may(home: Path, who: str, action: str, account_class: Mode, account: str) -> None:
    """Return when a user may do this on an account (or "ALL"); else raise PermissionDenied that says what would help.

    `action` is one of `Action`; trading is `trade-paper` or `trade-live`, as `account_class` is, and either of them
    on an account of the other class is refused. Raises InputError for a file of permissions that cannot be read.
    """
    wanted = _action(action)
    if wanted in (Action.TRADE_PAPER, Action.TRADE_LIVE) and wanted is not trading(account_class):
        raise PermissionDenied(f"{account} is a {account_class.value} account: {wanted.value} is not for it")
    known = Permissions.of(home)
    if known.allows(who, wanted, account_class, account):
        return
    what = f"{who} may not `{wanted.value}` on {account} ({MEANINGS[wanted]})"
    if known.grants is not None:
        raise PermissionDenied(
            f"{what}: {FILE} gives no such right; add {{do: {wanted.value}, on: {account}}} to {who}"
        )
    if who != known.owner:
        raise PermissionDenied(f"{what}: there is no {FILE}, so only {known.owner}, who owns the home, may")
    raise PermissionDenied(f"{what}, a live account: write {FILE} in AURA_HOME and give {who} that right there")


def trading(account_class: Mode) -> Action:
    """The action that an order is on an account of this class."""
    return Action.TRADE_LIVE if account_class is Mode.LIVE else Action.TRADE_PAPER


def _action(name: str) -> Action:
    try:
        return Action(name)
    except ValueError:
        raise InputError(f"no action is called {name!r}{_near(name)}; there are {', '.join(Action)}") from None


def _near(name: object) -> str:
    near = difflib.get_close_matches(str(name), list(Action), 1)
    return f": did you mean {near[0]}?" if near else ""


def _owner(home: Path) -> str:
    try:
        return home.owner()
    except KeyError:  # a user without a name, called as `who` calls one
        return f"uid {home.stat().st_uid}"
    except (FileNotFoundError, NotImplementedError):
        return current_user()  # a home that is not there yet belongs to who makes it


# ---- the file ------------------------------------------------------------------------------------------------------
def read(file: Path) -> dict[str, tuple[Grant, ...]]:
    """User → grants, of a file that only its owner can change. InputError names the line that is wrong."""
    import yaml

    if file.stat().st_mode & 0o022:
        raise InputError(f"{file.name} can be changed by others than its owner: run chmod go-w on it")
    try:
        top = yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file.name} cannot be read: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{file.name}, line {line}: this is no YAML: {error.problem}") from None
    return _Reading(file.name).users(top)


class _Reading:
    """YAML nodes turned into grants; every complaint knows its line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def users(self, top: Any) -> dict[str, tuple[Grant, ...]]:
        told = dict(self._pairs(top, "a file with `users:`"))
        if set(told) != {"users"}:
            self._refuse(top, f"expected `users:` and nothing else, got {', '.join(map(str, told)) or 'nothing'}")
        return {user: self._grants(node, user) for user, node in self._pairs(told["users"], "users with their rights")}

    def _grants(self, node: Any, user: str) -> tuple[Grant, ...]:
        if node.id != "sequence":
            self._refuse(node, f"the rights of {user} must be a list such as - {{do: view, on: all}}")
        return tuple(self._grant(one) for one in node.value)

    def _grant(self, node: Any) -> Grant:
        told = dict(self._pairs(node, "a right such as {do: view, on: all}"))
        if set(told) != {"do", "on"}:
            self._refuse(node, f"a right has `do` and `on`, not {', '.join(map(str, told))}")
        actions = self._texts(told["do"])
        for action, place in actions:
            if action != ALL and action not in set(Action):
                self._refuse(place, f"no action is called {action!r}{_near(action)}; there are {', '.join(Action)}")
        return Grant(frozenset(a for a, _ in actions), frozenset(a for a, _ in self._texts(told["on"])))

    def _texts(self, node: Any) -> list[tuple[str, Any]]:
        nodes = node.value if node.id == "sequence" else [node]
        for one in nodes:
            if one.id != "scalar" or not one.value:
                self._refuse(one, "expected a name, or a list of names")
        return [(one.value, one) for one in nodes]

    def _pairs(self, node: Any, wanted: str) -> list[tuple[str, Any]]:
        if node is None or node.id != "mapping":
            self._refuse(node, f"expected {wanted}")
        keys = [key.value for key, _ in node.value]
        for place, (key, _) in enumerate(node.value):
            if key.id != "scalar" or key.value in keys[:place]:
                self._refuse(key, f"{key.value!r} is no name, or is there twice")
        return [(key.value, value) for key, value in node.value]

    def _refuse(self, node: Any, why: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        raise InputError(f"{self._name}, line {line}: {why}")
