"""The dashboards: an application of its own inside the server, made of Voila's parts."""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import voila
from jupyter_server.base.handlers import AuthenticatedFileHandler, JupyterHandler
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado import web
from voila.configuration import VoilaConfiguration
from voila.paths import collect_static_paths, collect_template_paths
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler
from voila.utils import get_page_config, get_voila_labextensions_path

from aura_lib.server import assets
from aura_lib.server.kernels import DashboardConnection, DashboardKernels
from aura_lib.server.page import Page
from aura_lib.ui.index import discover

TEMPLATES = Path(__file__).parent / "voila" / "templates"
EXTENSIONS = ["@voila-dashboards/widgets-manager8", "@jupyter-widgets/jupyterlab-manager", "anywidget"]
PICTURE = r"([\w-][\w.-]*\.(?:png|jpg|jpeg|svg|webp))"


@dataclass(frozen=True, slots=True)
class Site:
    """What every page of the dashboards needs to know."""

    folder: Path
    base_url: str
    assets: str
    page_config: dict[str, Any]
    configuration: VoilaConfiguration
    template_paths: list[str]
    kernels: DashboardKernels
    contents: AsyncFileContentsManager

    def notebook(self, name: str) -> Path | None:
        """The dashboard of this name, None when there is none."""
        path = self.folder / f"{name}.ipynb"
        return path if path.is_file() and path.resolve().parent == self.folder else None

    def pages(self) -> list[Any]:
        """All dashboards but the index."""
        return [page for page in discover(self.folder) if self.notebook(page.name)]

    def frame(self, name: str) -> dict[str, Any]:
        """What the frame of a page is made of: its title, and links to all the others."""
        pages = self.pages()
        title = next((page.title for page in pages if page.name == name), "Dashboards")
        lab = f"{self.base_url.removesuffix('dashboards/')}lab"
        return {"static": self.assets, "title": title, "pages": pages, "lab": lab}


def application(lab: web.Application, kernels: DashboardKernels, folder: Path, base_url: str) -> web.Application:
    """The dashboards' application; it shares the login of JupyterLab's."""
    site = _site(lab, kernels, folder.resolve(), base_url)
    root = re.escape(site.base_url)
    kept = f"{root}voila/{voila.__version__}"
    rules = [
        (f"{root}", Index, {"site": site}),
        (f"{root}index(?:\\.ipynb)?", web.RedirectHandler, {"url": site.base_url, "permanent": False}),
        (f"{root}([A-Za-z0-9_-]+)(?:\\.ipynb)?", Page, {"site": site}),
        (f"{root}files/{PICTURE}", AuthenticatedFileHandler, {"path": str(site.folder)}),
        (f"{root}api/kernels/(?P<kernel_id>[\\w-]+)", KernelModel),
        (f"{root}api/kernels/(?P<kernel_id>[\\w-]+)/channels", VoilaKernelWebsocketHandler),
        (f"{root}voila/api/shutdown/([\\w-]+)", Leaving, {"kernels": kernels}),
        (f"{kept}/static/(.+)", assets.Kept, {"path": collect_static_paths(["voila", "nbconvert"], "lab", prune=True)}),
        (
            f"{kept}/labextensions/((?:{'|'.join(map(re.escape, EXTENSIONS))})/.+)",
            assets.Kept,
            {"path": get_voila_labextensions_path()},
        ),
    ]
    settings = {
        **lab.settings,
        "base_url": site.base_url,
        "kernel_manager": kernels,
        "kernel_websocket_connection_class": DashboardConnection,
        "default_handler_class": Missing,
    }
    return web.Application(rules, **settings)  # type: ignore[arg-type]


def _site(lab: web.Application, kernels: DashboardKernels, folder: Path, base_url: str) -> Site:
    configuration = VoilaConfiguration(
        template="lab", theme="light", allow_template_override="NO", allow_theme_override="NO", strip_sources=True,
        show_tracebacks=False, extension_allowlist=EXTENSIONS,
    )  # fmt: skip
    own = f"{base_url}dashboards/"
    page_config = get_page_config(
        base_url=own, settings={"mathjax_url": None, "mathjax_config": None}, log=logging.getLogger("voila"),
        voila_configuration=configuration,
    )  # fmt: skip
    kept = f"{own}voila/{voila.__version__}"
    static = assets.url(base_url)
    page_config.update(
        fullStaticUrl=f"{kept}/static", fullLabextensionsUrl=f"{kept}/labextensions", auraStatic=static,
    )  # fmt: skip
    paths = [str(TEMPLATES / "aura"), *collect_template_paths(["voila", "nbconvert"], "lab", prune=True)]
    contents = AsyncFileContentsManager(root_dir=str(folder), log=lab.settings["serverapp"].log)
    return Site(folder, own, static, page_config, configuration, paths, kernels, contents)


class Index(Page):
    """The landing page: `index.ipynb`, or a plain list while there is none."""

    async def get(self, name: str = "index") -> None:
        """The page."""
        if self.site.notebook("index"):
            await self.show("index")
            return
        pages = self.site.pages()
        links = [f'<li><a href="{quote(page.name)}">{html.escape(page.title)}</a></li>' for page in pages]
        self.message("Dashboards", f"<ul>{''.join(links)}</ul>" if links else "<p>No dashboard yet.</p>")


class KernelModel(KernelHandler):
    """What the page's script asks about its kernel. It may look, not stop or restart it."""

    SUPPORTED_METHODS = ("GET",)


class Leaving(JupyterHandler):
    """A page says that it is about to be left: look whether it is.

    It ends no kernel whose page still is there, so the request needs no XSRF token (Voila sends none).
    """

    def initialize(self, kernels: DashboardKernels) -> None:
        """Called by tornado."""
        self.kernels = kernels

    def check_xsrf_cookie(self) -> None:
        """Not needed."""

    @web.authenticated
    def post(self, kernel_id: str) -> None:
        """Heard."""
        self.kernels.look_soon(kernel_id)
        self.set_status(204)


class Missing(JupyterHandler):
    """No such address."""

    @web.authenticated
    def get(self) -> None:
        """404."""
        raise web.HTTPError(404)

    head = post = put = patch = delete = get
