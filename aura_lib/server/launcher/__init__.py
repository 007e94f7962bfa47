"""JupyterLab's launcher: cards that make a notebook from a template."""

from __future__ import annotations

from pathlib import Path

from aura_lib.server.launcher.handlers import handlers

LABEXTENSIONS = Path(__file__).parent / "labextensions"  # for JupyterLab, written by hand: nothing to build

__all__ = ["LABEXTENSIONS", "handlers"]
