"""figures and tables for people"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aura_lib.reports import figures, formats, tables
from aura_lib.reports.about import About
from aura_lib.reports.html import Check, Section, report
from aura_lib.reports.tables import Link

if TYPE_CHECKING:
    from aura_lib.reports.accounting import blotter_table, lots_of, statement, statement_table, write_table
    from aura_lib.reports.data_quality import quality
    from aura_lib.reports.evidence import evidence_page, evidence_table
    from aura_lib.reports.figures.causality import causality, warmup
    from aura_lib.reports.outcome import outcome_figure, outcome_table
    from aura_lib.reports.performance import TearSheet, statistics_table, tear_sheet, tearsheet

_HOMES = {  # these know the rooms below; the rest of reports is pure
    "blotter_table": "accounting", "lots_of": "accounting", "statement": "accounting",
    "statement_table": "accounting", "write_table": "accounting",
    "TearSheet": "performance", "causality": "figures.causality", "evidence_page": "evidence",
    "evidence_table": "evidence", "outcome_figure": "outcome", "outcome_table": "outcome", "quality": "data_quality",
    "statistics_table": "performance", "tear_sheet": "performance", "tearsheet": "performance",
    "warmup": "figures.causality",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"aura_lib.reports.{_HOMES[name]}"), name)


__all__ = [
    "About",
    "Check",
    "Link",
    "Section",
    "TearSheet",
    "blotter_table",
    "causality",
    "evidence_page",
    "evidence_table",
    "figures",
    "formats",
    "lots_of",
    "outcome_figure",
    "outcome_table",
    "quality",
    "report",
    "statement",
    "statement_table",
    "statistics_table",
    "tables",
    "tear_sheet",
    "tearsheet",
    "warmup",
    "write_table",
]
