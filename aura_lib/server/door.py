"""The front door: who is not logged in gets to see the login page and nothing else."""

from __future__ import annotations

import hmac
import re
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router

# The login page, and what it is drawn with. All other addresses of either application are closed to strangers.
OPEN = re.compile(r"/(login|logout|favicon\.ico|static/(favicon\.ico|style/[\w.-]+\.css|(logo|favicons)/[\w.-]+))")


class FrontDoor(Router):
    """Hands a request to JupyterLab or to the dashboards, once it is known who asks."""

    def __init__(self, lab: web.Application, dashboards: web.Application | None, prefix: str) -> None:
        self.lab, self.dashboards, self.prefix = lab, dashboards, prefix

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> HTTPMessageDelegate | None:
        """Who answers."""
        visitor = JupyterHandler(self.lab, request)
        if not visitor.check_host() or not (OPEN.fullmatch(request.path) or _known(visitor)):
            return self.lab.get_handler_delegate(request, Closed)
        ours = self.dashboards is not None and request.path.startswith(self.prefix)
        application = self.dashboards if ours else self.lab
        assert application is not None
        return application.find_handler(request)


def _known(visitor: JupyterHandler) -> bool:
    """Whether the request carries the token, or the cookie that a login left."""
    provider = visitor.identity_provider
    given = provider.get_token(visitor) or ""
    return hmac.compare_digest(given.encode(), provider.token.encode()) or bool(provider.get_user_cookie(visitor))


class Closed(JupyterHandler):
    """To the login page for who wants to see something; no for all else."""

    @web.authenticated
    def get(self, *_: str) -> None:
        """Redirects."""
        raise web.HTTPError(403)

    head = post = put = patch = delete = options = get
