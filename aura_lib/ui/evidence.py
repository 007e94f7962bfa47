"""The evidence page: what a strategy showed before it may trade, by which thresholds, and after how many trials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.core import Evidence as Recorded
from aura_lib.core import Finding, Mode
from aura_lib.ledger import Ledger, trials
from aura_lib.reports import formats
from aura_lib.reports.figures.evidence_words import LABELS, number, required, threshold
from aura_lib.ui.live import Empty, Page, request
from aura_lib.ui.table import rows_html, table_html
from aura_lib.ui.tiles import tiles
from aura_lib.ui.widgets import Chart, Panel

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from aura_lib.core import Settings
    from aura_lib.ledger.trials import Trials

ROWS = 50  # the newest trials on the page; `aura trials FAMILY` lists them all
VERDICTS = {True: "passed", False: "failed", None: "not judged"}
NOTHING = (
    "<h2>No evidence yet</h2><p>A strategy is examined when <code>aura backtest NOTEBOOK</code> runs it in a terminal; "
    "this page shows it by itself as soon as it is recorded. <code>aura demo</code> does it for one strategy.</p>"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One strategy's latest evidence, and what was tried in its family up to now."""

    evidence: Recorded
    trials: Trials
    open_to: frozenset[Mode] = frozenset()  # the classes of account that it opens, by the policy of now


class Evidence(Page[Shown]):
    """The latest evidence of one strategy notebook on a page. Each method gives one piece.

    Which one is asked by the page's address (`?strategy=notebooks/strategies/momentum.ipynb`) or by its selector, else
    it is the one examined last.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.strategies: list[str] = []
        self._asked = request().get("strategy")
        super().__init__(settings)

    def read(self, ledger: Ledger | None) -> Shown:
        """The strategy asked for, as it was examined last."""
        latest = {one.notebook: one for one in (ledger.evidence() if ledger is not None else ())}
        self.strategies = sorted(latest)
        if ledger is None or not latest:
            raise Empty(NOTHING)
        newest = max(latest.values(), key=lambda one: one.time)
        chosen = latest.get(self._asked or "", newest)
        history = trials.history(ledger, chosen.notebook, home=self.settings.home, paths=False)
        return Shown(chosen, history, _open_to(chosen))

    # the pieces, from top to bottom ---------------------------------------------------------------------------------
    def heading(self, title: str = "Evidence") -> Panel:
        """What the page is called, which strategy it is about, and when it was examined."""
        return self.panel(lambda s: self._heading(s, title), self._choose)

    def verdict(self) -> Panel:
        """The verdict in one line, and which accounts it opens."""
        return self.panel(_verdict)

    def numbers(self) -> Panel:
        """The few numbers read first."""
        return self.panel(_tiles)

    def out_of_sample(self) -> Chart:
        """Equity where the parameters had been chosen before, beside the strategy as it is."""
        return self.chart(lambda s: _picture(s, "out_of_sample"))

    def neighbourhood(self) -> Chart:
        """The heat map of the parameters around the chosen ones."""
        return self.chart(lambda s: _picture(s, "neighbourhood"))

    def trials(self) -> Chart:
        """The Sharpe ratios of all trials, and what the best of as many worthless ones would show."""
        return self.chart(lambda s: _picture(s, "trials"))

    def paths(self) -> Chart:
        """The Sharpe ratios of the paths of cross-validation."""
        return self.chart(lambda s: _picture(s, "paths"))

    def robustness(self) -> Chart:
        """What is left of the Sharpe ratio when the world is a little different."""
        return self.chart(lambda s: _picture(s, "robustness"))

    def placebo(self) -> Chart:
        """What the same weights earn for random names at shifted times."""
        return self.chart(lambda s: _picture(s, "placebo"))

    def findings(self) -> Panel:
        """Every finding against its threshold, and what it means."""
        return self.panel(_findings)

    def tried(self) -> Panel:
        """What was tried in this family, by whom, abandoned trials included."""
        return self.panel(_tried)

    # ----------------------------------------------------------------------------------------------------------------
    def _choose(self, name: str, value: str) -> None:
        if name == "strategy" and value.isdecimal() and int(value) < len(self.strategies):
            self._asked = self.strategies[int(value)]
            self.refresh()

    def _heading(self, s: Shown, title: str) -> str:
        options = "".join(
            f'<option value="{n}"{" selected" if name == s.evidence.notebook else ""}>{escape(_short(name))}</option>'
            for n, name in enumerate(self.strategies)
        )
        chosen = f'<label>Strategy <select data-ask="strategy">{options}</select></label>'
        run = f'run <a data-run="{escape(s.evidence.run)}" target="_blank" rel="noopener">{escape(s.evidence.run)}</a>'
        return (
            f'<div class="aura-heading"><h1>{escape(title)}</h1>{chosen}<span class="aura-space"></span>'
            f"<p>Examined {formats.moment(s.evidence.time)} · {run}</p></div>"
            f'<ul class="aura-marks">{"".join(f"<li{kind}>{text}</li>" for kind, text in _marks(s))}</ul>'
        )


def _open_to(evidence: Recorded) -> frozenset[Mode]:
    from aura_lib.backtest.evidence import Policy, objections

    policy = Policy.load()
    return frozenset(one for one in (Mode.PAPER, Mode.LIVE) if not objections(evidence, one, policy))


def _short(notebook: str) -> str:
    return notebook.rpartition("/")[2].removesuffix(".ipynb")


def _marks(s: Shown) -> Iterable[tuple[str, str]]:
    e, examined = s.evidence, s.evidence.examination
    yield "", "<b>Simulated trading</b>: no real money was moved for this"
    yield "", ", ".join(f"{escape(k)} = {escape(str(v))}" for k, v in e.parameters.items() if k in _asked_of(e))
    if examined and examined.loosened:
        yield ' class="aura-bad"', f"<b>Thresholds loosened</b>: {escape(', '.join(examined.loosened))}"
    if s.trials.count > (examined.trials if examined else 0):
        more = s.trials.count - (examined.trials if examined else 0)
        yield ' class="aura-bad"', f"<b>{more:,} trials since</b>: examine it again"


def _asked_of(e: Recorded) -> list[str]:
    """The parameters that the grid was about, or else all."""
    names = (e.examination.figures.get("neighbourhood") or {}).get("names") if e.examination else None
    return list(names or e.parameters)


def _verdict(s: Shown) -> str:
    e = s.evidence
    paper, live = Mode.PAPER in s.open_to, Mode.LIVE in s.open_to
    doors = "".join(f"<li{_good(ok)}>{text}</li>" for ok, text in (
        (paper, "Paper: may be promoted" if paper else "Paper: refused"),
        (live, "Live: evidence is enough" if live else "Live: refused"),
    ))  # fmt: skip
    return (
        f'<section class="aura-panel"><h2>Verdict</h2><p class="aura-verdict">{escape(e.verdict)}</p>'
        f'<ul class="aura-marks">{doors}</ul></section>'
    )


def _good(ok: bool) -> str:
    return "" if ok else ' class="aura-bad"'


def _tiles(s: Shown) -> str:
    walk = _data(s, "walk_forward")
    rows = [
        ("Sharpe, out of sample", number(walk.get("sharpe")), f"in sample {number(walk.get('in_sample'))}"),
        *(_tile(s, name) for name in ("deflated_sharpe", "pbo", "superior_predictive_ability")),
        ("Trials counted", f"{_counted(s):,}", f"{s.trials.count:,} in the ledger, {s.trials.abandoned:,} abandoned"),
        ("Annual return", formats.percent(s.evidence.statistics.get("annual_return")), "as it is, costs paid"),
        ("Max drawdown", formats.percent(s.evidence.statistics.get("max_drawdown")), "as it is"),
        ("Warm-up", f"{s.evidence.warmup_bars:,}" if s.evidence.warmup_bars else "–", "bars a job must load"),
    ]
    return tiles(rows)


def _counted(s: Shown) -> int:
    """The trials that the statistics were corrected for (the cells of a grid among them), or more that came since."""
    return max(s.trials.count, s.evidence.examination.trials if s.evidence.examination else 0)


def _tile(s: Shown, name: str) -> tuple[str, str, str]:
    finding = s.evidence.examination.finding(name) if s.evidence.examination else None
    if finding is None:
        return LABELS[name], "–", "not examined"
    return LABELS[name], number(finding.value), f"{threshold(finding)} asked, {VERDICTS[finding.passed]}"


def _data(s: Shown, name: str) -> dict[str, Any]:
    found = s.evidence.examination.figures.get(name) if s.evidence.examination else None
    return dict(found or {})


def _picture(s: Shown, name: str) -> go.Figure:
    from aura_lib.reports.figures.evidence import evidence_panel

    return evidence_panel(s.evidence, name, subject=_short(s.evidence.notebook))


def _findings(s: Shown) -> str:
    found = s.evidence.findings
    rows = [_row(finding) for finding in found]
    frame = pd.DataFrame(rows, columns=["finding", "outcome", "value", "asked", "for", "what it means"], dtype=object)
    table = rows_html(frame, "Findings", names=list(frame.columns), empty="only statistics were recorded")
    passed = sum(finding.passed is True for finding in found)
    policy = s.evidence.examination.policy[:12] if s.evidence.examination else "none"
    note = f"{passed} of {len(found)} passed. Thresholds: policy {policy}, with a reason each."
    return _section("Findings", table, note, _left_out(s))


def _left_out(s: Shown) -> str:
    """Variants of the strategy that could not be replayed, and why, behind a fold."""
    stresses = _data(s, "robustness").items()
    lists = {LABELS.get(name, name): found.get("left_out") or {} for name, found in stresses}
    items = [
        f"<li>{escape(f'{label}: {name}: {why}')}</li>" for label, some in lists.items() for name, why in some.items()
    ]
    many = f"{len(items)} variant{'s' * (len(items) != 1)} could not be replayed"
    return f'<details class="aura-note"><summary>{many}</summary><ul>{"".join(items)}</ul></details>' if items else ""


def _row(finding: Finding) -> tuple[str, ...]:
    label, outcome = LABELS.get(finding.name, finding.name), VERDICTS[finding.passed]
    return label, outcome, number(finding.value), threshold(finding), required(finding), finding.meaning


def _tried(s: Shown) -> str:
    table = s.trials.table().iloc[::-1].head(ROWS)
    kept = table[[name for name in table.columns if name != "family"]]
    who = f" by {', '.join(s.trials.who)}" if s.trials.who else ""
    many = f"{s.trials.count:,} distinct trial{'s' * (s.trials.count != 1)}{who}"
    note = f"{many}; repeats count once, those that raised or were stopped count too."
    inside = table_html(kept, "Trials", empty="nothing was counted")
    return _section("What was tried", inside, note)


def _section(title: str, inside: str, note: str, fold: str = "") -> str:
    whole = f'<div class="aura-scroll aura-whole" role="region" aria-label="{escape(title)}">{inside}</div>'
    scrolled = inside if inside.startswith("<div") else whole
    words = f'<p class="aura-note">{escape(note)}</p>'
    return f'<section class="aura-panel"><h2>{escape(title)}</h2>{scrolled}{words}{fold}</section>'
