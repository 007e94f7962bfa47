"""An order in slices: its schedule, evenly or by volume, to look at and to send."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from aura_lib.cli.answer import Answer, table
from aura_lib.cli.orders.wishing import look, previewed, shown, split, wished

if TYPE_CHECKING:
    from datetime import datetime

    from aura_lib.core import Intent, Settings
    from aura_lib.execution.present import Present
    from aura_lib.execution.slicing import Schedule


def sliced(
    place: str, symbol: str, size: str, money: bool, fields: dict[str, str], start: str, over: float, slices: int,
    vwap: bool, name: str, yes: bool,
) -> Answer:  # fmt: skip
    """Show an order with its slices; with `yes`, have the desk send it so."""
    from aura_lib.access import who
    from aura_lib.core import Settings
    from aura_lib.execution import DeskProcess
    from aura_lib.execution.asking import answer_to
    from aura_lib.execution.slicing import Sliced, slice_order
    from aura_lib.ledger import Ledger

    settings, (account, book) = Settings.load(), split(place)
    with Ledger.open(settings) as ledger:
        present = look(ledger, settings, account, book)
        intent = wished(present, symbol, size, money, fields)
        schedule = _schedule(present, settings, intent, start, over, slices, vwap)
        named = name or f"{intent.symbol.replace('/', '-').lower()}-{schedule.due[0]:%Y%m%d-%H%M%S}"
        whole = Sliced(named, book, intent, schedule)
        answer = shown(present, previewed(ledger, present, intent, book), sent=None)
        parts = _parts(schedule, intent)
        told = {**answer.data, "name": named, "slices": parts, "end": schedule.end.isoformat(), "asked": False}
        title = f"{named}, until {schedule.end:%H:%M:%S} UTC"
        tables = (*answer.show, table(title, {"due": "due, UTC", "part": ">units"}, parts))
        if not yes or answer.code:
            return Answer(told, tables, code=answer.code)
        with DeskProcess(settings, account) as desk:
            key = slice_order(ledger, settings.home, account, whole, who=who(), reason=fields["reason"])
            answer_to(ledger, account, "slice", key, desk=desk)
    keep = "A desk has to be at work while it lasts: aura up, or aura service."
    return Answer({**told, "asked": True}, (f"{named}: the desk sends it in {len(parts)} slices. {keep}",))


def _parts(schedule: Schedule, intent: Intent) -> list[dict[str, str]]:
    from aura_lib.execution.slicing import quantity

    left, rows = intent.quantity, []
    for place, due in enumerate(schedule.due):
        part = quantity(schedule, place, left, Decimal(0), Decimal(0), intent.instrument.lot)
        left -= part
        rows.append({"due": f"{due:%Y-%m-%d %H:%M:%S}", "part": f"{part:f}"})
    return rows


def _schedule(
    present: Present, settings: Settings, intent: Intent, start: str, over: float, slices: int, vwap: bool
) -> Schedule:
    from datetime import timedelta

    from aura_lib.core import InputError
    from aura_lib.execution import slicing

    first = _moment(start) if start else present.as_of
    if not 0 < over <= 60 * 24 * 30:
        raise InputError(f"--over is a number of minutes above zero, and at most 30 days of them, not {over:g}")
    end = first + timedelta(minutes=over)
    if not vwap:
        return slicing.twap(first, end, slices)
    from aura_lib import data

    terms = present.terms
    bars = data.load(
        [intent.symbol], source=terms.source, calendar=terms.calendar, frequency="5m", as_of=present.as_of,
        settings=settings,
    )  # fmt: skip
    return slicing.vwap(first, end, slicing.volume_curve(bars, intent.symbol, first, end, slices))


def _moment(text: str) -> datetime:
    from datetime import datetime

    from aura_lib.core import InputError, utc

    try:
        return utc(datetime.fromisoformat(text))
    except ValueError:
        raise InputError(f"a moment is written with its zone, such as 2026-03-02T15:00Z, not {text!r}") from None
