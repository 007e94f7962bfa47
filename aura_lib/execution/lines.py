"""An entry that is to be written, and what makes some of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aura_lib.execution.accounts import Terms
from aura_lib.ledger import AccountView, Request


class Line(NamedTuple):
    """An entry to be written: its kind and body, and the key that may be written once only."""

    kind: str
    body: Mapping[str, Any]
    key: str | None = None


# What a handler gets besides the request is the account as it stands; an InputError is the refusal. The desk puts
# `request` (its place in the inbox) and `key` into every body.
Handler = Callable[[AccountView, Terms, Request], Sequence[Line]]
