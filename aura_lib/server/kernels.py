"""Dashboard kernels: forked from a warm parent, without secrets, gone soon after their tab is."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager
from jupyter_server.utils import ApiPath

from aura_lib.core import RunFailed
from aura_lib.jobs.kernels import Zygote, environment
from aura_lib.jobs.provisioner import ForkProvisioner

LIMIT = 20  # dashboard kernels at a time
# Seconds a kernel may be without a websocket: its page is being left, lost the connection, has not connected yet.
LEAVING, GRACE, FIRST_CONTACT = 1.0, 8.0, 45.0
BROWSER_MAY_SEND = ["comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request"]
PASSED_ON = ("AURA_HOME", "AURA_DATABASE_URL", "AURA_DATA_URL")
# What dashboards import: the libraries of the kernel itself, of tables and widgets, and the rooms that tell.
PRELOAD = (
    "ipykernel.kernelapp", "IPython.core.completer", "IPython.core.magics", "zmq.asyncio", "numpy", "pandas",
    "pandas.io.formats.html", "pyarrow.parquet", "pydantic.type_adapter", "exchange_calendars", "sqlite3",
    "sqlalchemy.dialects.sqlite", "ipywidgets", "anywidget", "aura_lib.core.market", "aura_lib.data",
    "aura_lib.data.sources.sample", "aura_lib.ledger", "aura_lib.execution", "aura_lib.backtest",
    "aura_lib.reports.outcome", "aura_lib.reports.figures", "aura_lib.reports.tables", "aura_lib.ui.portfolio",
    "aura_lib.ui.index", "aura_lib.ui.market", "plotly.graph_objects", "vectorbt", "aura_lib.ui.rehearsal",
)  # fmt: skip


def warm_parent() -> Zygote:
    """The process dashboard kernels are forked from; it starts in the background."""
    return Zygote(preload=PRELOAD)


class OneSpec(KernelSpecManager):
    """Whatever kernel a notebook names, it runs on ours."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one there is."""
        return KernelSpec(argv=["-f", "{connection_file}"], display_name="Aura", language="python")

    def get_all_specs(self) -> dict[str, Any]:
        """It, under the name notebooks use."""
        return {"python3": {"resource_dir": "", "spec": self.get_kernel_spec("python3").to_dict()}}


class DashboardKernel(ServerKernelManager):
    """The kernel of one page view: sockets in a private folder, never restarted."""

    parent: DashboardKernels

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        zygote = self.parent.zygote
        self.directory = zygote.new_directory()
        self.transport, self.ip = "ipc", str(self.directory / "kernel")
        self.connection_file = str(self.directory / "kernel.json")
        self.autorestart = False
        provisioner = ForkProvisioner(kernel_id=self.directory.name, kernel_spec=self.kernel_spec, parent=self)
        provisioner.zygote, provisioner.log_file = zygote, self.directory / "kernel.log"
        self.provisioner = provisioner

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart)
        if process := getattr(self.provisioner, "process", None):
            process.close()
        shutil.rmtree(self.directory, ignore_errors=True)


async def client(kernel: DashboardKernel) -> AsyncKernelClient:
    """A client whose messages arrive. jupyter_client's own wait adds 0.2 s of listening to silence."""
    made: AsyncKernelClient = kernel.client()
    made.start_channels(hb=False)  # its process is watched, not its heartbeat: no thread for each page
    while await kernel.is_alive():
        made.kernel_info()
        with suppress(Empty):
            await made.get_shell_msg(timeout=1)
            await made.get_iopub_msg(timeout=0.2)  # what a kernel says before it is listened to is lost
            return made
    made.stop_channels()
    raise RunFailed("the kernel of this page died while it started: the server's log says why; reload the page")


class DashboardKernels(AsyncMappingKernelManager):
    """All kernels of dashboards. One without a websocket is ended after a while."""

    def __init__(self, zygote: Zygote, root: Path, **options: Any) -> None:
        self.zygote = zygote
        super().__init__(  # type: ignore[no-untyped-call]
            root_dir=str(root),
            kernel_manager_class="aura_lib.server.kernels.DashboardKernel",
            kernel_spec_manager=OneSpec(),
            allowed_message_types=BROWSER_MAY_SEND,
            **options,
        )
        self._starting = 0
        self._endings: dict[str, asyncio.Future[None]] = {}

    @property
    def full(self) -> bool:
        """Whether there are as many kernels as there may be."""
        return len(self.list_kernel_ids()) + self._starting >= LIMIT

    async def start(self, request: Mapping[str, str]) -> str:
        """A new kernel with these variables of the request in its environment; its id."""
        own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._starting += 1
        try:
            return await self.start_kernel(
                kernel_name="python3", path=ApiPath(""), env={**environment(), **own, **request}
            )
        finally:
            self._starting -= 1

    def kernel(self, kernel_id: str) -> DashboardKernel:
        """The kernel of this id."""
        return cast(DashboardKernel, self.get_kernel(kernel_id))

    def expect_tab(self, kernel_id: str) -> None:
        """The page is out: its websocket has to come now."""
        self._end_later(kernel_id, FIRST_CONTACT)

    def notify_disconnect(self, kernel_id: str) -> None:
        """A websocket closed: a reload or a reconnect brings another one soon, a closed tab none."""
        super().notify_disconnect(kernel_id)  # type: ignore[no-untyped-call]
        self._end_later(kernel_id, GRACE)

    def look_soon(self, kernel_id: str) -> None:
        """The page is being left."""
        self._end_later(kernel_id, LEAVING)

    async def end(self, kernel_id: str) -> None:
        """Kill a kernel and all it started; to end it twice is to end it once."""
        if ending := self._end(kernel_id):
            await asyncio.wait([ending])

    def _end(self, kernel_id: str) -> asyncio.Future[None] | None:
        if kernel_id not in self._endings and kernel_id in self:
            self._endings[kernel_id] = asyncio.ensure_future(self.shutdown_kernel(kernel_id, now=True))  # type: ignore[no-untyped-call]
        return self._endings.get(kernel_id)

    def _end_later(self, kernel_id: str, seconds: float) -> None:
        def look() -> None:
            if not self._kernel_connections.get(kernel_id):
                self._end(kernel_id)

        asyncio.get_running_loop().call_later(seconds, look)

    async def close(self) -> None:
        """End all of them, and the warm parent."""
        await asyncio.gather(*(self.end(kernel_id) for kernel_id in self.list_kernel_ids()))
        self.zygote.close()


class DashboardConnection(ZMQChannelsWebsocketConnection):
    """Between a page and its kernel. Figures are large: output is not limited by its rate."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.limit_rate = False
