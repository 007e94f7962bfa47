"""Parity: does what was recorded (paper, live) equal what a replay of the same slots does?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aura_lib.backtest.replay import Replay, SlotResult
from aura_lib.core import Decision, Fill, InputError, Intent, iso, utc

KINDS = ("slot", "intent", "decision", "fill")
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """What was recorded of one slot: the intents of its basket and the desk's verdicts."""

    slot: datetime
    intents: tuple[Intent, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: at which slot, of which kind, what, and both sides as text."""

    slot: datetime
    kind: str
    what: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return f"{iso(self.slot)} {self.kind} {self.what}: recorded {self.recorded}, replayed {self.replayed}"


@dataclass(frozen=True, slots=True)
class Parity:
    """How much was compared, by kind (slot, intent, decision, fill), and every difference."""

    compared: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether something was compared and nothing differs."""
        return not self.differences and self.compared.get("slot", 0) > 0

    def __str__(self) -> str:
        counted = ", ".join(f"{self.compared.get(kind, 0)} {kind}s" for kind in KINDS)
        return f"{counted} compared: {len(self.differences)} differ"


def parity(recorded: Sequence[SlotRecord], replayed: Replay, recorded_fills: Iterable[Fill]) -> Parity:
    """Compare recorded slots and fills with a replay: intents, then decisions, then fills.

    Intents are compared by instrument, side and quantity; decisions by approval and rule; fills, which belong
    to the last slot before them, by side, quantity, price, fee and time. Legs are matched by symbol, so that one
    more or less is one difference. A slot on one side only is a difference; an empty slot on both is compared.
    Two records of one slot raise InputError.
    """
    ours = {utc(record.slot): record for record in recorded}
    if len(ours) != len(recorded):
        raise InputError("a slot was recorded twice: hand over one record a slot")
    theirs = {result.slot: result for result in replayed.slots}
    slots = sorted(ours.keys() | theirs.keys())
    tally = _Tally()
    for slot in slots:
        tally.slot(slot, ours.get(slot), theirs.get(slot))
    here, there = _by_slot(recorded_fills, slots), _by_slot(replayed.fills, slots)
    for slot in sorted(here.keys() | there.keys()):
        tally.compare(slot, "fill", here.get(slot, []), there.get(slot, []), _FILL)
    differences = sorted(
        tally.differences, key=lambda d: (d.slot, KINDS.index(d.kind))
    )  # what comes first caused the rest
    return Parity(dict(tally.compared), tuple(differences))


Fields = Mapping[str, Any]  # name → how to read it off one thing

_INTENT: Fields = {"instrument": lambda i: i.instrument, "side": lambda i: i.side, "quantity": lambda i: i.quantity}
_DECISION: Fields = {"approved": lambda d: d.approved, "rule": lambda d: d.rule}
_FILL: Fields = {
    "side": lambda f: f.side,
    "quantity": lambda f: f.quantity,
    "price": lambda f: f.price,
    "fee": lambda f: f.fee,
    "time": lambda f: f.time,
}


class _Tally:
    def __init__(self) -> None:
        self.compared = dict.fromkeys(KINDS, 0)
        self.differences: list[Difference] = []

    def slot(self, slot: datetime, ours: SlotRecord | None, theirs: SlotResult | None) -> None:
        self.compared["slot"] += 1
        if ours is None or theirs is None:
            self._differ(slot, "slot", "presence", _presence(ours), _presence(theirs))
        self.compare(slot, "intent", ours.intents if ours else (), theirs.intents if theirs else (), _INTENT)
        self.compare(slot, "decision", ours.decisions if ours else (), theirs.decisions if theirs else (), _DECISION)

    def compare(self, slot: datetime, kind: str, ours: Sequence[Any], theirs: Sequence[Any], fields: Fields) -> None:
        for symbol, one, other in _pairs(ours, theirs):
            self.compared[kind] += 1
            if one is None or other is None:
                self._differ(slot, kind, symbol, _short(one, fields), _short(other, fields))
                continue
            for name, read in fields.items():
                if read(one) != read(other):
                    self._differ(slot, kind, f"{symbol} {name}", _text(read(one)), _text(read(other)))

    def _differ(self, slot: datetime, kind: str, what: str, recorded: str, replayed: str) -> None:
        self.differences.append(Difference(slot, kind, what, recorded, replayed))


def _pairs(ours: Sequence[Any], theirs: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Things of both sides matched by symbol, and by their order within a symbol."""
    one, other = _keyed(ours), _keyed(theirs)
    for key in sorted(one.keys() | other.keys()):
        yield key[0], one.get(key), other.get(key)


def _keyed(things: Iterable[Any]) -> dict[tuple[str, int], Any]:
    keyed: dict[tuple[str, int], Any] = {}
    seen: dict[Hashable, int] = {}
    for thing in things:
        n = seen[thing.symbol] = seen.get(thing.symbol, -1) + 1
        keyed[thing.symbol, n] = thing
    return keyed


def _by_slot(fills: Iterable[Fill], slots: Sequence[datetime]) -> dict[datetime, list[Fill]]:
    """Fills under the last slot before them; one before every slot stands under its own time."""
    grouped: dict[datetime, list[Fill]] = {}
    for fill in fills:
        position = bisect_left(slots, fill.time)
        grouped.setdefault(slots[position - 1] if position else fill.time, []).append(fill)
    return grouped


def _presence(record: SlotRecord | SlotResult | None) -> str:
    return NOTHING if record is None else f"{len(record.intents)} intents"


def _short(thing: Any, fields: Fields) -> str:
    return NOTHING if thing is None else " ".join(_text(read(thing)) for n, read in fields.items() if n != "instrument")


def _text(value: Any) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)
