"""`%load_ext aura_lib`: nouns that show themselves, `%aura` and `%%aura`. Nothing heavy loads before it is used."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aura_lib.ui.card import Card

# Where each noun lives. IPython compares names, so that no room is imported for a noun nobody made.
NOUNS = (
    ("aura_lib.core.market_data", "Bars"),
    ("aura_lib.core.mandate", "TargetWeights"),
    ("aura_lib.core.orders", "Order"),
    ("aura_lib.core.portfolio", "Account"),
    ("aura_lib.core.records", "Run"),
    ("aura_lib.plan", "Plan"),
    ("aura_lib.backtest.result", "Backtest"),
    ("aura_lib.backtest.sweep.result", "Sweep"),
    ("aura_lib.execution.propose", "Proposal"),
    ("aura_lib.data.quality.report", "Quality"),
    ("aura_lib.data.files.reading", "Reading"),
    ("aura_lib.ledger.trials.history", "Trials"),
)
MAGIC = "aura"


def load(ipython: Any) -> None:
    """Teach an IPython shell to show Aura's nouns, the `%aura` line magic and the `%%aura` cell magic."""
    formatters = ipython.display_formatter.formatters
    for module, name in NOUNS:
        formatters["text/html"].for_type_by_name(module, name, _html)
        formatters["text/plain"].for_type_by_name(module, name, _plain)
    ipython.register_magic_function(aura, "line", MAGIC)
    ipython.register_magic_function(partial(_cell, ipython), "cell", MAGIC)


def unload(ipython: Any) -> None:
    """Take back what `load` did."""
    formatters = ipython.display_formatter.formatters
    for module, name in NOUNS:
        for kind in ("text/html", "text/plain"):
            formatters[kind].pop(f"{module}.{name}", None)
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop(MAGIC, None)


def aura(line: str = "") -> Card:
    """What Aura is doing: `%aura status`, `%aura runs [JOB]`, `%aura help`."""
    from aura_lib.ui.magic import answer

    return answer(line)


def _cell(ipython: Any, line: str, cell: str) -> None:
    """`%%aura backtest [NAME=VALUE …]`: backtest the `decide` that this cell defines."""
    from aura_lib.ui.cell import run

    run(ipython, line, cell)


def _html(noun: Any) -> str:
    from aura_lib.ui.nouns import card

    return card(noun).html()


def _plain(noun: Any, printer: Any, cycle: bool) -> None:
    if cycle or printer.stack[:-1]:  # inside a list or a dict: one line, as always
        printer.text(repr(noun))
        return
    from aura_lib.ui.nouns import card

    printer.text(card(noun).text())
