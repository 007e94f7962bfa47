"""JupyterLab's launcher: cards that make a notebook from a template.

A server adds `LABEXTENSIONS` to `LabApp.extra_labextensions_path`, and `handlers(base_url)` to its own.
"""

from __future__ import annotations

from pathlib import Path

from aura_lib.server.launcher.handlers import NewHandler, handlers

LABEXTENSIONS = Path(__file__).parent / "labextensions"  # written by hand: nothing to build

__all__ = ["LABEXTENSIONS", "NewHandler", "handlers"]
