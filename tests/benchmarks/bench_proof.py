"""The suite `proof`: backtests, sweeps and the statistics about them, each beside its peer. One module a subject."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.benchmarks.rows import Row


def rows() -> Iterator[Row]:
    """The rows of every proof_*.py here."""
    for path in sorted(Path(__file__).parent.glob("proof_*.py")):
        yield from import_module(f"tests.benchmarks.{path.stem}").rows()
