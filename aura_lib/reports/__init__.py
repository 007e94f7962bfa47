"""figures and tables for people"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aura_lib.reports import figures, formats, tables
from aura_lib.reports.about import About
from aura_lib.reports.html import Check, Section, report
from aura_lib.reports.tables import Link

__all__ = [
    "About",
    "Check",
    "Link",
    "Section",
    "TearSheet",
    "causality",
    "figures",
    "formats",
    "outcome_figure",
    "outcome_table",
    "quality",
    "report",
    "statistics_table",
    "tables",
    "tear_sheet",
    "tearsheet",
    "warmup",
]
