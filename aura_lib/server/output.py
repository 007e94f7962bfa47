"""The output notebook of a run as a page to read: what it computed, said and drew; nothing is executed."""

from __future__ import annotations

import asyncio
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from aura_lib.core import InputError, Settings
from aura_lib.jobs.retention import output_of
from aura_lib.ledger import Ledger
from aura_lib.reports import formats
from aura_lib.server import assets

if TYPE_CHECKING:
    from aura_lib.core import Run

PLOTLY = "application/vnd.plotly.v1+json"


class Output(JupyterHandler):
    """The output of a run."""

    @web.authenticated
    async def get(self, run_id: str) -> None:
        """The page; a run that nobody knows is a 404."""
        settings = Settings.load()
        try:
            run = await asyncio.to_thread(find, run_id, settings)
        except InputError as error:
            raise web.HTTPError(404, reason=None, log_message=str(error)) from None
        served = assets.url(self.base_url)
        self.finish(await asyncio.to_thread(page, run, settings, served=served, base_url=f"{self.base_url}dashboards/"))


def find(run_id: str, settings: Settings) -> Run:
    """The run of this id. One that the ledger does not know raises InputError."""
    ledger = Ledger.find(settings)
    if ledger is not None:
        with ledger:
            run = next((run for run in ledger.runs() if run.id == run_id), None)
        if run is not None:
            return run
    raise InputError(f"no run {run_id!r} in the ledger at {settings.home}; `aura runs` lists them")


def page(run: Run, settings: Settings, *, served: str, base_url: str) -> str:
    """The run and its output notebook as one HTML page; `served` is the address of Aura's static files."""
    import jinja2

    text = resources.files("aura_lib.server").joinpath("output.html.j2").read_text("utf-8")
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
    body, missing = _body(run, settings)
    return template.render(
        run=run,
        facts=_facts(run),
        parameters=run.parameters,
        body=body,
        missing=missing,
        served=served,
        base_url=base_url,
    )


def _facts(run: Run) -> dict[str, str]:
    took = f"{(run.ended - run.started).total_seconds():.1f} s" if run.ended else "not ended"
    facts = {
        "Status": run.status.value,
        "Error": run.error,
        "Job": run.job,
        "Slot": formats.moment(run.slot) if run.slot else "",
        "Mode": run.mode.value,
        "Started": f"{formats.moment(run.started)}, {took}",
        "Orders": f"{run.results['approved']} approved, {run.results.get('rejected', 0)} rejected"
        if "approved" in run.results
        else "",
        "Notebook": run.notebook,
        "Binding": run.binding.id[:12],
        "Data snapshot": run.snapshot[:12],
    }
    return {name: fact for name, fact in facts.items() if fact}


def _body(run: Run, settings: Settings) -> tuple[str, str]:
    """The cells as HTML, or why there are none."""
    import nbformat

    file = output_of(settings, run)
    if file is None:
        return "", "The output of this run is no longer kept. What the run decided is in the ledger for good."
    try:
        notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        return "", f"The output cannot be read: {error}"
    return _exported(_drawable(notebook)), ""


def _drawable(notebook: Any) -> Any:
    """Plotly figures as places that the page draws in; all else as it is."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            figure = output.get("data", {}).get(PLOTLY)
            if figure is not None:
                told = json.dumps({"data": figure.get("data", []), "layout": figure.get("layout", {})})
                safe = told.replace("<", "\\u003c")
                output["data"] = {
                    "text/html": f'<div class="aura-figure"><script type="application/json">{safe}</script></div>'
                }
    return notebook


def _exported(notebook: Any) -> str:
    from nbconvert.exporters import HTMLExporter

    body, _ = HTMLExporter(template_name="basic", exclude_anchor_links=True).from_notebook_node(notebook)
    return str(body)
