"""The server: JupyterLab and the dashboards in one process, behind one address and one login."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import warnings
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config

from aura_lib.core import InputError, Settings
from aura_lib.server import extension, instance
from aura_lib.server.dashboards import application
from aura_lib.server.door import FrontDoor
from aura_lib.server.kernels import DashboardKernels, warm_parent
from aura_lib.server.launcher import LABEXTENSIONS

ADDRESS = "127.0.0.1"
EXTENSIONS = {"jupyterlab": True, "voila.server_extension": False}


class LabKernels(AsyncMappingKernelManager):
    """JupyterLab's kernels. What they say outside of a notebook goes to a file, not into the terminal."""

    output: ClassVar[int | None] = None

    def _kernel_start_kwargs(self, **options: Any) -> dict[str, Any]:
        return {**super()._kernel_start_kwargs(**options), "stdout": self.output, "stderr": self.output}


class LabServer(ServerApp):
    """jupyter_server without its questions: one Ctrl-C ends it, and it ends the dashboards' kernels too."""

    dashboards: DashboardKernels | None = None

    def init_signal(self) -> None:
        """SIGINT, SIGTERM and a closed terminal all mean: stop."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if number := getattr(signal, name, None):
                signal.signal(number, lambda *_: self.stop(from_signal=True))

    def stop(self, from_signal: bool = False) -> None:
        """Stop once; further signals change nothing."""
        if not self._stopping:
            super().stop(from_signal)

    async def cleanup_kernels(self) -> None:
        """End every kernel."""
        if self.dashboards is not None:
            await self.dashboards.close()
        await super().cleanup_kernels()


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose port is taken and whose applications are made; `serve` starts it and returns when it stops."""

    app: LabServer
    sockets: Sequence[socket.socket]
    door: FrontDoor
    token: str

    def url(self, path: str = "") -> str:
        """An address to open, with the token that logs in."""
        return f"http://{ADDRESS}:{self.app.port}{self.app.base_url}{path}?token={self.token}"

    def serve(self, *, browser: bool = False) -> None:
        """Serve until Ctrl-C, SIGTERM or the button in JupyterLab."""
        self.app._http_server = HTTPServer(self.door, max_body_size=self.app.max_body_size)
        self.app.http_server.add_sockets(self.sockets)
        if browser and (sys.platform != "linux" or os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}):
            Thread(target=webbrowser.open, args=(self._redirect().as_uri(),), daemon=True).start()
        self.app.start_ioloop()
        self.app.io_loop.asyncio_loop.run_until_complete(_give_up_what_is_left())  # type: ignore[attr-defined]

    def _redirect(self) -> Path:
        """A page of this user's that leads to the address: what a browser is started with, all users can see."""
        page = Path(self.app.cookie_secret_file).with_name("open.html")
        instance.write_private(page, f'<meta http-equiv="refresh" content="0; url={self.url()}">')
        return page


async def _give_up_what_is_left() -> None:
    """Cancel pages that were still computing: a thread that serves one would keep the process alive for ever."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=2)


def bind(port: int) -> list[socket.socket]:
    """Take the port (0: any free one). Raises InputError when somebody else has it."""
    try:
        return bind_sockets(port, ADDRESS)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"port {port} of {ADDRESS} cannot be used ({getattr(error, 'strerror', error)}): "
            f"stop the program that has it, or choose another one: aura up --port {port + 1 if port < 65535 else 8889}"
        ) from error


def build(settings: Settings, root: Path, sockets: Sequence[socket.socket]) -> Server:
    """The server of a home and a project folder.

    Args:
        settings: whose ledger the notebooks and dashboards see.
        root: the folder JupyterLab shows; its `dashboards/` is what is served as dashboards.
        sockets: what `bind` gave.
    """
    _environment(settings)
    folder = root / "dashboards"
    kernels = DashboardKernels(warm_parent(), folder) if folder.is_dir() else None
    token = secrets.token_urlsafe(24)
    own = instance.folder(settings.home)
    app = LabServer.instance(
        jpserver_extensions=dict(EXTENSIONS),
        config=_config(root, sockets[0].getsockname()[1], token, own, "/lab" if kernels is None else "/dashboards/"),
    )
    app.dashboards = kernels
    app.log.addHandler(_log_file(own / "server.log"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter's packages about each other
        app.initialize(argv=[], starter_extension="lab", new_httpserver=False)
    LabKernels.output = os.open(own / "kernels.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    extension.load(app)
    served = None if kernels is None else application(app.web_app, kernels, folder, app.base_url)
    return Server(app, sockets, FrontDoor(app.web_app, served, f"{app.base_url}dashboards/"), token)


def _environment(settings: Settings) -> None:
    """What the kernels and terminals of JupyterLab inherit: the same home, and the `aura` command."""
    os.environ["AURA_HOME"] = str(settings.home)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def _config(root: Path, port: int, token: str, own: Path, start: str) -> Config:
    """What may not depend on how Jupyter is configured on this machine: it wins over configuration files."""
    settings: dict[str, dict[str, Any]] = {
        "ServerApp": {
            "ip": ADDRESS,
            "port": port,
            "root_dir": str(root),
            "default_url": start,
            "base_url": "/",
            "open_browser": False,
            "allow_root": True,
            "allow_unauthenticated_access": False,
            "allow_remote_access": False,
            "allow_origin": "",
            "allow_origin_pat": "",
            "disable_check_xsrf": False,
            "kernel_manager_class": LabKernels,
            "authenticate_prometheus": True,
            "cookie_secret_file": str(own / "cookie_secret"),
        },
        "Application": {"log_level": logging.INFO, "logging_config": {"handlers": {"console": {"level": "ERROR"}}}},
        "IdentityProvider": {"token": token, "cookie_options": {"path": "/", "samesite": "Lax"}},
        "PasswordIdentityProvider": {"hashed_password": "", "password_required": False},
        "KernelManager": {"shutdown_wait_time": 1.0},
        "MappingKernelManager": {"transport_encryption": "auto"},
        "LabApp": {
            "default_url": start,
            "extension_manager": "readonly",
            "extra_labextensions_path": [str(LABEXTENSIONS)],
            "news_url": None,
            "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        },
    }
    return Config(settings)


def _log_file(path: Path) -> logging.Handler:
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
