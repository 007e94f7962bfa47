"""Files that browsers keep: our own css and plotly.min.js, under a name that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import mimetypes
from functools import lru_cache
from pathlib import Path

from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from tornado import web

from aura_lib.ui import style

FOLDER = Path(__file__).parent / "static"
FOREVER = "private, max-age=31536000, immutable"


@lru_cache(maxsize=1)
def plotly_script() -> Path:
    """The plotly.min.js that belongs to the installed plotly (found without importing it)."""
    spec = importlib.util.find_spec("plotly")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@lru_cache(maxsize=1)
def files() -> dict[str, bytes]:
    """Name → content of all there is: what lies in the folder, the style sheet of the widgets, plotly."""
    own = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.is_file()
    }
    return {**own, "aura.css": style.sheet().encode(), "plotly.min.js": plotly_script().read_bytes()}


@lru_cache(maxsize=1)
def version() -> str:
    """Changes when any of the files does."""
    return hashlib.sha256(b"".join(files().values())).hexdigest()[:12]


def url(base_url: str) -> str:
    """Where they are served, with a slash at the end: what scripts find as `auraStatic`."""
    return f"{base_url}aura/static/{version()}/"


@lru_cache(maxsize=64)
def _packed(name: str) -> bytes:
    return gzip.compress(files()[name], 6)


class Asset(JupyterHandler):
    """One of the files, gzipped once. Any version in the address gets the file there is."""

    @web.authenticated
    def get(self, name: str) -> None:
        """The file, to be kept for ever when it was asked for by its present version."""
        content = files().get(name)
        if content is None:
            raise web.HTTPError(404)
        current = f"/{version()}/" in self.request.path
        self.set_header("Content-Type", mimetypes.guess_type(name)[0] or "application/octet-stream")
        self.set_header("Cache-Control", FOREVER if current else "no-cache")
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(_packed(name))
        else:
            self.finish(content)


class Kept(FileFindHandler):
    """Files of an installed package, under its version: they never change."""

    _static_paths: dict[str, str] = {}  # noqa: RUF012 - jupyter_server's cache, not shared with its other folders

    def set_headers(self) -> None:
        """Let the browser keep it."""
        super().set_headers()
        self.set_header("Cache-Control", FOREVER)
