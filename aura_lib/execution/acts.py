"""The acts without which no job trades at a real broker: each that is missing is a sentence of its own.

A parameter alone makes nothing live. The scheduler asks before it starts, a preview shows what is missing, the runner
asks before a kernel starts, and the desk asks again before anything of a basket becomes an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aura_lib.access import may, trading
from aura_lib.core import InputError, Mode, PermissionDenied, Settings
from aura_lib.execution.accounts import Terms


class Missing(NamedTuple):
    """An act that nobody has done: the rule that asks for it, and what to do."""

    rule: str
    why: str


def missing(mode: Mode, terms: Terms, who: str, settings: Settings) -> tuple[Missing, ...]:
    """What keeps a job of this mode, run by somebody, from trading on an account; nothing on a simulated one.

    The promotion, which binds a notebook and not a job, is asked for by whoever knows the notebook.
    """
    return tuple(_missing(mode, terms, who, settings))


def _missing(mode: Mode, terms: Terms, who: str, settings: Settings) -> Iterator[Missing]:
    if mode is not terms.account_class:
        yield Missing("mode", _other_class(mode, terms))
    if terms.simulated:
        return
    if Mode.LIVE in (mode, terms.account_class) and not settings.allow_live:
        yield Missing("allow_live", "real trading needs AURA_ALLOW_LIVE=1 in the environment, and it is not set")
    try:
        may(settings.home, who, trading(terms.account_class), terms.account_class, terms.name)
    except (PermissionDenied, InputError) as error:
        yield Missing("permission", str(error))


def _other_class(mode: Mode, terms: Terms) -> str:
    told = f"mode is {mode.value} and account {terms.name} is a {terms.account_class.value} account"
    if mode is Mode.LIVE:
        return f"{told}: a job trades live on a live account only (`aura account open NAME --broker alpaca --live`)"
    return f"{told}: say `mode: live` where real money is meant, or name a paper account"


def of_run(run: Mapping[str, Any] | None, terms: Terms, settings: Settings) -> tuple[Missing, ...]:
    """What is missing for a basket that comes from a Run, as the runner wrote it down when it began.

    A live account takes baskets of Runs only; on a paper account what no runner wrote down is judged by its token.
    """
    if run is not None:
        return missing(Mode(run["mode"]), terms, str(run.get("who") or ""), settings)
    if terms.account_class is not Mode.LIVE:
        return ()
    return (Missing("run", f"no runner wrote down the run of this basket, and {terms.name} is a live account"),)
