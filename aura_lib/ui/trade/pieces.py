"""What the words of the trading page share: tables, sections, money with its sign."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from aura_lib.core import OrderType
from aura_lib.reports import formats, market

TYPES = {
    OrderType.MARKET: "Market", OrderType.LIMIT: "Limit", OrderType.STOP: "Stop", OrderType.STOP_LIMIT: "Stop limit",
    OrderType.TRAILING_STOP: "Trailing stop", OrderType.BRACKET: "Bracket",
    OrderType.OCO: "OCO",
}  # fmt: skip
NUMBERS = frozenset(
    {"Units", "Filled", "Cost", "Price", "Value", "Unrealised", "Fee", "Used", "Allowed"}
)  # at the right


def cents(value: Decimal, money: str) -> str:
    """An amount of money, to the cent; prices have more digits (`market.price`)."""
    return f"{formats.MINUS if value < 0 else ''}{market.SIGNS.get(money, f'{money} ')}{abs(value):,.2f}"


def signed(amount: Decimal, money: str) -> str:
    """An amount of money with its sign; nothing has none."""
    return f"{'+' if amount > 0 else ''}{cents(amount, money)}"


def counted(number: int, thing: str) -> str:
    """1 fill, 2 fills."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    """A table of cells that are HTML already; without rows it says `empty`."""
    sides = ["aura-number" if head in NUMBERS else "" for head in heads]
    head = "".join(
        f'<th scope="col" class="{side}">{text}</th>' if text else "<td></td>"
        for text, side in zip(heads, sides, strict=True)
    )
    body = (
        "".join(
            f"<tr>{''.join(f'<td class={side!r}>{cell}</td>' for cell, side in zip(row, sides, strict=True))}</tr>"
            for row in rows
        )
        or f'<tr><td class="aura-quiet" colspan="{len(heads)}">{escape(empty)}</td></tr>'
    )
    return (
        f'<div class="aura-scroll" role="region" aria-label="{escape(name)}"><table aria-label="{escape(name)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(title: str, inside: str, note: str = "") -> str:
    """A part of the page under its title."""
    words = f'<p class="aura-note">{escape(note)}</p>' if note else ""
    return f'<section class="aura-panel"><h2>{escape(title)}</h2>{inside}{words}</section>'
