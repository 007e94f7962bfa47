"""HTTP around the office: who asks, what was sent, and the status of an answer or an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from aura_lib.access import who
from aura_lib.core import AuraError, InputError, RiskRejection, Settings, http_status
from aura_lib.server.api import answers, description
from aura_lib.server.api.bodies import read
from aura_lib.server.api.office import Office
from aura_lib.server.api.routes import BASE, ROUTES, Route

OWN = (IdentityProvider, PasswordIdentityProvider)  # who has their token is who started the server


def handlers(base_url: str) -> list[tuple[Any, ...]]:
    """The routes under a server's base URL; they share one office."""
    office = Office(Settings.load())
    described: list[tuple[Any, ...]] = [(url_path_join(base_url, BASE, r"openapi\.json"), Description)]
    paths = dict.fromkeys(route.path for route in ROUTES)
    return described + [
        (url_path_join(base_url, BASE, _pattern(path)), Handler, {"office": office, "routes": _at(path)})
        for path in paths
    ]


def _at(path: str) -> dict[str, Route]:
    return {route.method: route for route in ROUTES if route.path == path}


def _pattern(path: str) -> str:
    """The expression of a path. `preview` stands where an order's id does, and is none."""
    return path.replace("{account}", r"([\w.-]+)").replace("{client_id}", r"(?!preview$)([\w.:-]+)")


class Handler(APIHandler):
    """Answers with JSON; what went wrong is `{"error": its family, "message": a sentence}`."""

    def initialize(self, office: Office, routes: dict[str, Route]) -> None:
        """Take what the table says."""
        super().initialize()
        self._office, self._routes = office, routes
        self.SUPPORTED_METHODS = (*routes, "OPTIONS")

    @web.authenticated
    @authorized("read", "aura")  # type: ignore[untyped-decorator]
    async def get(self, *parts: str) -> None:
        """Read."""
        await self._answer(parts)

    @web.authenticated
    @authorized("write", "aura")  # type: ignore[untyped-decorator]
    async def post(self, *parts: str) -> None:
        """Ask for something new."""
        await self._answer(parts)

    patch = delete = post

    async def _answer(self, parts: tuple[str, ...]) -> None:
        route = self._routes[self.request.method]
        try:
            given = [] if route.takes is None else [read(route.takes, self._given(route))]
            person = self._person()
            future = self._office.submit(route.queue, lambda: route.call(self._office, person, *parts, *given))
            found: dict[str, Any] = await asyncio.wrap_future(future)
            self.set_status(route.status)
        except AuraError as error:
            self.set_status(http_status(error))
            found = {"error": type(error).__name__, "message": str(error)}
            if isinstance(error, RiskRejection) and error.decision:
                found["decision"] = answers.decision(error.decision)
        self.finish(json.dumps(found, allow_nan=False))

    def _given(self, route: Route) -> Any:
        if not route.in_query:
            return self._body()
        names = [name for name in self.request.query_arguments if name != "token"]
        return {name: self.get_query_argument(name) for name in names}

    def _body(self) -> Any:
        try:
            return json.loads(self.request.body or b"{}")
        except ValueError as error:
            raise InputError(f"the body is no JSON: {error}") from None

    def _person(self) -> str:
        """Who asks: whom the login names; for the token of this server the person who started it."""
        return who() if type(self.identity_provider) in OWN else str(self.current_user.username)


class Description(APIHandler):
    """`openapi.json`."""

    @web.authenticated
    @authorized("read", "aura")  # type: ignore[untyped-decorator]
    def get(self) -> Awaitable[None] | None:
        """What this API is, for programs that read such descriptions."""
        return self.finish(json.dumps(description.openapi(self.base_url)))
