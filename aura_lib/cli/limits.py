"""`aura limits`: what binds an account, its books and users, with its use; and changing it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.execution.limits import Rulebook, Scope
    from aura_lib.ledger import Ledger
    from aura_lib.risk.pretrade import Use

SCOPE = Annotated[str, typer.Argument(help="ACCOUNT, ACCOUNT/BOOK or ACCOUNT@USER.")]
SECTOR = "sector:"
WORDS: dict[str, Any] = {"none": None, "true": True, "yes": True, "false": False, "no": False}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Limits: what they are, how much is used, who changed them.", no_args_is_help=True)
    app.add_typer(group, name="limits")

    @command(group)
    def show(scope: SCOPE = "paper") -> Answer:
        """The limits in force, the tightest of all that apply, with their present use and every change."""
        from aura_lib.execution import account_terms
        from aura_lib.execution.limits import Rulebook, Scope
        from aura_lib.ledger import Ledger

        asked = Scope.of(scope)
        with Ledger.open() as ledger:
            rules = Rulebook(ledger, account_terms(ledger, asked.account)).read()
            return _shown(asked, rules, _used(ledger, rules, asked))

    @command(group, "set")
    def change(
        scope: SCOPE,
        values: Annotated[
            list[str],
            typer.Argument(
                help="NAME=VALUE; none: no such limit; unset: what was set here is taken back; A,B: a list."
            ),
        ],
        reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is written to the journal.")],
    ) -> Answer:
        """Change limits. Tightening is open to everybody; loosening needs the permission `limits`."""
        from aura_lib.access import who
        from aura_lib.core import Settings, encode
        from aura_lib.execution import account_terms
        from aura_lib.execution.limits import Rulebook, Scope, set_limits
        from aura_lib.ledger import Ledger

        settings, asked = Settings.load(), Scope.of(scope)
        with Ledger.open(settings) as ledger:
            rules = Rulebook(ledger, account_terms(ledger, asked.account)).read()
            wanted = read(values, rules.own(asked).get("sector_caps", {}))
            limits = set_limits(ledger, settings.home, asked, wanted, who=who(), reason=reason)
        told = ", ".join(f"{name} {_text(value)}" for name, value in wanted.items())
        return Answer({"scope": scope, "set": wanted, "limits": encode(limits)}, (f"{scope}: {told}. {reason}",))


def read(texts: Iterable[str], caps: dict[str, float] | None = None) -> dict[str, Any]:
    """Limits by name, from NAME=VALUE texts; `sector:Energy=0.2` goes into the caps that there are."""
    from aura_lib.core import InputError

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"expected NAME=VALUE such as max_gross=0.8, not {text!r}")
        name = name.strip()
        if not name.startswith(SECTOR):
            found[name] = _value(name, value.strip())
            continue
        sectors = found.setdefault("sector_caps", dict(caps or {}))
        sectors[name.removeprefix(SECTOR)] = _value(name, value.strip())
        if sectors[name.removeprefix(SECTOR)] == "unset":
            del sectors[name.removeprefix(SECTOR)]
    return found


def _value(name: str, text: str) -> Any:
    from aura_lib.core import InputError

    if text == "unset":
        return text
    if name == "restricted":
        return [] if text == "none" else sorted({symbol.strip() for symbol in text.split(",") if symbol.strip()})
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        raise InputError(f"{name}={text}: expected a number, true, false, none or unset") from None


def _used(ledger: Ledger, rules: Rulebook, scope: Scope) -> dict[str, list[Use]]:
    """Book → the use of its limits, by the prices at the account's clock; nothing before it has traded."""
    from aura_lib import data
    from aura_lib.execution.context import in_use
    from aura_lib.execution.feed import Feed

    terms, clock, view = rules.terms, ledger.control.clock(scope.account), ledger.account(scope.account)
    if clock is None or clock[1] is None:
        return {}
    feed, found = Feed(data.load(source=terms.source, calendar=terms.calendar, as_of=clock[1])), {}
    for book in [scope.book] if scope.book else [book for book in view.cash if book]:
        found[book] = in_use(rules, view, feed, book=book, user=scope.user, at=clock[1])
    return found


def _shown(scope: Scope, rules: Rulebook, used: dict[str, list[Use]]) -> Answer:
    from aura_lib.core import encode

    limits = rules.effective(scope.book, scope.user)
    uses = [
        {"book": book, "limit": one.name, "used": _text(one.used), "of": _text(one.limit), "by": one.by}
        for book, found in used.items()
        for one in found
        if one.used is not None or one.by
    ]
    changes = [
        {"time": f"{c.time:%Y-%m-%d %H:%M}", "scope": str(c.scope), "who": c.who, "reason": c.reason,
         "change": ", ".join(f"{n} {_text(v)}" for n, v in c.limits.items()), "loosened": ", ".join(c.loosened)}
        for c in rules.changes
    ]  # fmt: skip
    force = [
        {"limit": n, "value": _text(v), "set for": ", ".join(_setters(rules, scope, n))} for n, v in _items(limits)
    ]
    data = {"scope": str(scope), "limits": encode(limits), "use": uses, "changes": changes}
    return Answer(
        data,
        (
            table(f"Limits of {scope}", {"limit": "limit", "value": ">value", "set for": "set for"}, force),
            table(
                "Use",
                {"book": "book", "limit": "limit", "used": ">used", "of": ">of", "by": "by"},
                uses,
                "no price yet",
            ),
            table("Changes", {n: n for n in ("time", "scope", "change", "loosened", "who", "reason")}, changes, "none"),
        ),
    )


def _items(limits: Any) -> list[tuple[str, Any]]:
    from aura_lib.risk.pretrade import NAMES

    return [(n, value) for n in NAMES if (value := getattr(limits, n)) not in (None, (), {})]


def _setters(rules: Rulebook, scope: Scope, name: str) -> list[str]:
    """Which of the scopes that apply have a value of their own."""
    mine = (s for s in rules.scopes if s.book in ("", scope.book) and s.user in ("", scope.user))
    return [str(s) for s in mine if name in rules.own(s)] or ["opening"]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{sector} {_text(cap)}" for sector, cap in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.2f}" if hasattr(value, "as_tuple") else f"{value:g}" if isinstance(value, float) else str(value)
