"""One view of one dashboard: the head goes out at once, then each cell as soon as it has run."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from jupyter_server.base.handlers import JupyterHandler
from nbclient.exceptions import DeadKernelError
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors.clearoutput import ClearOutputPreprocessor
from tornado import web
from tornado.iostream import StreamClosedError
from voila.execute import VoilaExecutor
from voila.notebook_renderer import NotebookRenderer

from aura_lib.core import errors
from aura_lib.server.kernels import LIMIT, client

if TYPE_CHECKING:
    from aura_lib.server.dashboards import Site

WIDGETS = "import ipywidgets; ipywidgets.register_comm_target()"  # the fork imported them before it was a kernel
MESSAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{served}aura.css"><link rel="stylesheet" href="{served}dashboard.css">
<body class="aura-page"><main class="aura-message"><h1>{title}</h1>{body}</main></body></html>"""


class Renderer(NotebookRenderer):  # type: ignore[misc]
    """Voila's renderer with our kernels, and with one cell's error staying that cell's."""

    def __init__(self, page: Page, name: str, site: Site) -> None:
        super().__init__(
            request_handler=page, voila_configuration=site.configuration, notebook_path=f"{name}.ipynb",
            template_paths=site.template_paths, contents_manager=site.contents, base_url=site.base_url,
            kernel_spec_manager=site.kernels.kernel_spec_manager, page_config=site.page_config,
        )  # fmt: skip
        self.page, self.name, self.kernels, self.frame = page, name, site.kernels, site.frame(name)

    async def html(self, kernel: asyncio.Task[str]) -> AsyncIterator[str]:
        """The page, part by part. The kernel is waited for when the head is out."""
        await self.initialize()
        self.resources["aura"] = {**self.frame, "name": self.name, "error": error_line}
        async for part, _ in self.generate_content_generator(None, kernel):
            yield part

    async def _jinja_kernel_start(self, nb: Any, kernel_id: None, kernel_future: asyncio.Task[str]) -> str:
        await self.page.flush()
        started = await kernel_future
        kernel = self.kernels.kernel(started)
        self.executor = VoilaExecutor(nb, km=kernel, allow_errors=True)
        self.executor.kc = await client(kernel)
        self.executor.kc.execute(WIDGETS, silent=True, store_history=False)
        return started

    async def _jinja_cell_generator(self, nb: Any, kernel_id: str) -> AsyncIterator[Any]:
        """Run each cell and hand it over; what it said on the error stream goes to the log."""
        nb, _ = ClearOutputPreprocessor().preprocess(nb, {"metadata": {"path": ""}})
        try:
            for index, cell in enumerate(nb.cells):
                try:
                    await self.executor.async_execute_cell(cell, index, store_history=False)
                except DeadKernelError:
                    cell.outputs.append(_error("RunFailed", "the kernel of this page died: reload the page"))
                self._log(index, cell)
                yield cell
                await self.page.flush()
        finally:
            await self._cleanup_resources()

    def _log(self, index: int, cell: Any) -> None:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = strip_ansi("\n".join(output.traceback))
                self.page.log.warning("dashboard %s, cell %d: %s\n%s", self.name, index, error_line(output), trace)
            elif output.output_type == "stream" and output.name == "stderr":
                self.page.log.warning("dashboard %s, cell %d: %s", self.name, index, output.text)


def error_line(output: Any) -> str:
    """One line on an exception: Aura's own errors are sentences, others are called by their name."""
    first = next(iter(output["evalue"].strip().splitlines()), "")
    kind = getattr(errors, output["ename"], None)
    ours = isinstance(kind, type) and issubclass(kind, errors.AuraError)
    return first if ours and first else f"{output['ename']}: {first}".removesuffix(": ")


def _error(name: str, message: str) -> Any:
    from nbformat.v4 import new_output

    return new_output("error", ename=name, evalue=message, traceback=[])  # type: ignore[no-untyped-call]


class Page(JupyterHandler):
    """A dashboard."""

    def initialize(self, site: Site) -> None:
        """Called by tornado."""
        self.site = site
        self.kernel: asyncio.Task[str] | None = None

    @web.authenticated
    async def get(self, name: str) -> None:
        """The page."""
        await self.show(name)

    async def show(self, name: str) -> None:
        """A kernel of its own, started while the head is on its way, then cell by cell."""
        if self.site.notebook(name) is None:
            raise web.HTTPError(404)
        if self.site.kernels.full:
            self.set_status(429)
            self.message("Too many dashboards", f"<p>{LIMIT} are open. Close the tab of one, wait ten seconds.</p>")
            return
        assert self.xsrf_token, "its cookie tells this page's own requests from those of foreign pages"
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.kernel = asyncio.create_task(self.site.kernels.start(self._variables()))
        try:
            async for part in Renderer(self, name, self.site).html(self.kernel):
                self.write(part)
            self.site.kernels.expect_tab(await self.kernel)
        except StreamClosedError:  # nobody waits for it any more
            await self._end()
        except errors.AuraError as error:
            self.write(f'<p class="aura-error" role="alert">{html.escape(str(error))}</p>')
            await self._end()

    def on_connection_close(self) -> None:
        """Nobody waits for this page any more: whatever it computes, it computes for nobody."""
        if self.kernel is not None:
            self.kernel.add_done_callback(lambda _: asyncio.ensure_future(self._end()))

    def log_exception(self, *error: Any) -> None:
        """A page that failed for a reason of ours needs no kernel either."""
        super().log_exception(*error)
        self.on_connection_close()

    async def _end(self) -> None:
        if self.kernel is not None and self.kernel.exception() is None:
            await self.site.kernels.end(self.kernel.result())

    def _variables(self) -> dict[str, str]:
        """The request, as Voila tells it to notebooks, without the login token it may carry."""
        query = urlencode([(k, v) for k, v in parse_qsl(self.request.query, keep_blank_values=True) if k != "token"])
        return {
            "SCRIPT_NAME": self.request.path,
            "PATH_INFO": "",
            "QUERY_STRING": query,
            "SERVER_SOFTWARE": "voila",
            "SERVER_PROTOCOL": self.request.version,
            "SERVER_NAME": self.request.host.partition(":")[0],
            "SERVER_PORT": self.request.host.partition(":")[2],
            "VOILA_BASE_URL": self.site.base_url,
            "VOILA_REQUEST_URL": f"{self.request.protocol}://{self.request.host}{self.request.path}?{query}",
        }

    def message(self, title: str, body: str) -> None:
        """A page of a few words."""
        self.finish(MESSAGE.format(title=html.escape(title), body=body, served=self.site.assets))
