"""Which bars a question needs, as DuckDB plans it over a table without a row: only those are fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from aura_lib.core import InputError
from aura_lib.data.store import sql

__all__ = ["Needed", "needed"]

LITERAL = r"'(?:[^']|'')*'"
SYMBOL = re.compile(rf"symbol = ({LITERAL})|symbol IN \(({LITERAL}(?:, {LITERAL})*)\)")
TIME = re.compile(r"time (>=|<=|>|<|=) '([^']+)'::TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True, slots=True)
class Needed:
    """Bars that an answer may depend on. Symbols: None means all; times in microseconds, None where there is no end."""

    fields: tuple[str, ...]
    symbols: frozenset[str] | None = None
    low: int | None = None
    high: int | None = None
    any: bool = True

    def or_also(self, other: Needed) -> Needed:
        """What either needs."""
        both = None if self.symbols is None or other.symbols is None else self.symbols | other.symbols
        low = None if self.low is None or other.low is None else min(self.low, other.low)
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        return Needed(tuple(dict.fromkeys([*self.fields, *other.fields])), both, low, high)


def needed(statement: str, fields: Sequence[str], tables: dict[str, Any]) -> Needed:
    """What a question needs of bars with these fields; all of them when that cannot be told.

    Raises InputError when the question cannot be answered, whatever the bars are.
    """
    import duckdb

    def plan(connection: Any) -> None:
        connection.execute("SET disabled_optimizers = 'statistics_propagation'")  # that there is no row yet is no news
        columns = "".join(f", {name} DOUBLE" for name in fields)
        connection.execute(f"CREATE TABLE bars (symbol VARCHAR, time TIMESTAMP WITH TIME ZONE{columns})")

    everything = Needed(tuple(fields))
    try:
        kinds = [found.type for found in duckdb.extract_statements(statement)]
    except duckdb.Error as error:
        raise InputError(f"this SQL cannot be answered: {str(error).strip()}") from None
    if kinds != [duckdb.StatementType.SELECT]:
        return everything
    try:
        told = sql.select(f"EXPLAIN (FORMAT json) {statement}", tables, plan)
        scans = [_scan(node, fields) for node in _nodes(json.loads(str(told.iloc[0, 1]))) if _of_bars(node)]
    except (InputError, ValueError, KeyError, TypeError):
        sql.select(statement, tables, plan)  # what is wrong with it is wrong without a row too
        return everything
    found = Needed(tuple(fields), any=False) if not scans else scans[0]
    for other in scans[1:]:
        found = found.or_also(other)
    return found


def _nodes(plan: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for node in plan:
        yield node
        yield from _nodes(node["children"])


def _of_bars(node: dict[str, Any]) -> bool:
    return str(node["extra_info"].get("Table", "")).endswith(".bars")


def _scan(node: dict[str, Any], fields: Sequence[str]) -> Needed:
    """What one scan of bars reads: the columns it gives on and filters by, and what passes its filters."""
    filters = _list(node["extra_info"].get("Filters"))
    named = {*_list(node["extra_info"].get("Projections")), *re.findall(r"\w+", " ".join(filters))}
    conditions = [part for text in filters for part in _conditions(text)]
    symbols = [frozenset(_literals(m[1] or m[2])) for c in conditions if (m := SYMBOL.fullmatch(c))]
    times = [(m[1], _us(m[2])) for c in conditions if (m := TIME.fullmatch(c))]
    lows = [time for sign, time in times if sign in (">", ">=", "=") and time is not None]
    highs = [time for sign, time in times if sign in ("<", "<=", "=") and time is not None]
    return Needed(
        tuple(name for name in fields if name in named),
        frozenset.intersection(*symbols) if symbols else None,
        max(lows, default=None),
        min(highs, default=None),
    )


def _conditions(text: str) -> list[str]:
    """The conditions that one filter is made of, all of which have to hold."""
    plain = text.removeprefix("optional: ").strip()
    plain = plain[1:-1] if plain.startswith("(") and plain.endswith(")") else plain
    if plain.startswith("(") and plain.endswith(")"):
        return plain[1:-1].split(") AND (")
    return [plain]


def _literals(text: str) -> list[str]:
    return [found[1:-1].replace("''", "'") for found in re.findall(LITERAL, text)]


def _list(told: Any) -> list[str]:
    return [told] if isinstance(told, str) and told else list(told or [])


def _us(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # infinity, or before the year 1
        return None
    return int(pd.Timestamp(moment).as_unit("us").asm8.astype("i8")) if moment.tzinfo else None
