"""figures and tables for people"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aura_lib.reports import figures, formats, tables
from aura_lib.reports.about import About
from aura_lib.reports.html import Check, Section, report
from aura_lib.reports.tables import Link

if TYPE_CHECKING:
    from aura_lib.reports.data_quality import quality
    from aura_lib.reports.evidence import evidence_page, evidence_table
    from aura_lib.reports.figures.causality import causality, warmup
    from aura_lib.reports.outcome import outcome_figure, outcome_table
    from aura_lib.reports.performance import tearsheet


def __getattr__(name: str) -> Any:
    if name in ("outcome_figure", "outcome_table"):  # these know the rooms below; the rest of reports is pure
        from aura_lib.reports import outcome

        return getattr(outcome, name)
    if name == "tearsheet":
        from aura_lib.reports import performance

        return performance.tearsheet
    if name == "quality":
        from aura_lib.reports import data_quality

        return data_quality.quality
    if name in ("evidence_page", "evidence_table"):
        from aura_lib.reports import evidence

        return getattr(evidence, name)
    if name in ("causality", "warmup"):
        from aura_lib.reports.figures import causality
        return getattr(causality, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "About",
    "Check",
    "Link",
    "Section",
    "evidence_page",
    "evidence_table",
    "causality",
    "figures",
    "formats",
    "outcome_figure",
    "outcome_table",
    "quality",
    "report",
    "tables",
    "tearsheet",
    "warmup",
]
