"""The evidence page: what a backtest showed, on one offline page that a risk committee can read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.core import Evidence, Examination, InputError
from aura_lib.reports import tables
from aura_lib.reports.figures.evidence import drawable, evidence_panel
from aura_lib.reports.figures.evidence_words import LABELS, number, required, threshold
from aura_lib.reports.html import Check, Section, report

if TYPE_CHECKING:
    from collections.abc import Sequence


def evidence_table(given: Examination | Evidence) -> pd.DataFrame:
    """The findings, a row each: value, threshold, outcome in a word, who requires it, and what it means."""
    found = given.examination if isinstance(given, Evidence) else given
    words = {True: "passed", False: "failed", None: "not judged"}
    columns = ["finding", "value", "threshold", "outcome", "required for", "meaning"]
    rows = [
        (LABELS.get(f.name, f.name), number(f.value), threshold(f), words[f.passed], required(f), f.meaning)
        for f in (found.findings if found else ())
    ]
    return pd.DataFrame(rows, columns=columns)


def evidence_page(
    given: Evidence | Examination,
    path: Path | str,
    *,
    title: str = "",
    statistics: Mapping[str, float] | None = None,
    as_of: datetime | None = None,
    currency: str = "USD",
) -> Path:
    """Write the evidence as one HTML file that opens anywhere, offline, light and dark; return its path.

    A recorded `Evidence` brings its own statistics and time; for an examination made by hand give them.

    Raises:
        InputError: no time, nothing examined, or a path that cannot be written.
    """
    record = given if isinstance(given, Evidence) else None
    found = record.examination if record else given
    moment = record.time if record else as_of
    if not isinstance(found, Examination) or moment is None:
        raise InputError("an evidence page needs an examination and its moment: a recorded Evidence, or as_of=")
    figures = dict(record.statistics) if record else dict(statistics or {})
    subject = title or (Path(record.notebook).stem.replace("_", " ") if record else "the strategy")
    drawn = [evidence_panel(found, name) for name in drawable(found)]
    return report(
        f"Evidence: {subject}",
        summary=tables.summary({subject.capitalize(): figures}),
        as_of=moment,
        path=path,
        figures=[evidence_panel(found, "findings", subject=subject), *drawn],
        sections=_sections(found, record),
        checks=[Check("Verdict", found.passed, found.verdict), *map(_check, found.findings)],
        assumptions=_assumptions(found),
        currency=currency,
    )


def _check(finding: Any) -> Check:
    said = f"{number(finding.value)}, {threshold(finding)} ({required(finding)}). {finding.meaning}"
    return Check(LABELS.get(finding.name, finding.name), finding.passed, said)


def _sections(found: Examination, record: Evidence | None) -> Sequence[Section]:
    choices = (found.figures.get("walk_forward") or {}).get("choices") or []
    rows = [
        {
            "from": one["from"], "to": one["to"], **{n: str(v) for n, v in one["params"].items()},
            "in sample": number(one["in_sample"]), "out of sample": number(one["out_of_sample"]),
        }
        for one in choices
    ]  # fmt: skip
    parts = []
    if rows:
        note = "Parameters chosen on what came before, and the annual Sharpe ratio there and in the test."
        parts.append(Section("Walk-forward", pd.DataFrame(rows), note, wide=False))
    if record is not None:
        terms = {
            "Notebook": record.notebook, "Run": record.run, "Binding": record.binding.id[:12],
            "Data snapshot": record.snapshot[:12] or "none (from memory)",
            **{f"Parameter {name}": value for name, value in record.parameters.items()},
        }  # fmt: skip
        parts.append(Section("What was examined", terms))
    return parts


def _assumptions(found: Examination) -> Mapping[str, object]:
    softer = ", ".join(found.loosened) or "none"
    return {
        "Trials": f"{found.trials:,}, counted by the ledger or the cells of the grid, whichever are more",
        "Policy": f"{found.policy[:12]}; thresholds loosened by the project: {softer}",
        "Costs": "every replay pays the costs of the backtest; placebos are compared before costs on both sides",
        "Not covered": "what the data leave out: delisted names, restated prices, capacity; and trials never recorded",
    }
