"""`aura/api/new`: a free name, and a notebook from a template."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from aura_lib.core import InputError
from aura_lib.jobs import new


def handlers(base_url: str) -> list[tuple[str, type[web.RequestHandler]]]:
    """The routes of the launcher under a server's base URL."""
    return [(url_path_join(base_url, "aura/api/new"), NewHandler)]


class NewHandler(APIHandler):
    """Makes the notebooks of the launcher's cards. What cannot be made is answered with 400 and a sentence."""

    @web.authenticated
    @authorized("read", "contents")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """`?kind=` → `{"name": …}`: a name that no notebook of the kind has yet."""
        kind = self.get_query_argument("kind", "")
        self._answer(lambda: {"name": new.free_name(kind, self._project())})

    @web.authenticated
    @authorized("write", "contents")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """`{"kind": …, "name": …}` → 201 and `{"path": …}`, relative to the folder that the server shows."""
        match self.get_json_body():
            case {"kind": str(kind), "name": str(name)}:
                self._answer(lambda: {"path": self._made(kind, name)}, status=201)
            case _:
                raise web.HTTPError(400, "send kind and name, two texts, as JSON")

    def _answer(self, ask: Callable[[], dict[str, str]], status: int = 200) -> None:
        try:
            found = ask()
        except InputError as error:
            status, found = 400, {"message": str(error)}
        self.set_status(status)
        self.finish(found)

    def _made(self, kind: str, name: str) -> str:
        root = self._project()
        return new.notebook(kind, name, root).relative_to(root).as_posix()

    def _project(self) -> Path:
        """The project that the server shows."""
        return new.project(Path(self.settings["server_root_dir"]).expanduser())
