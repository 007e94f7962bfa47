"""Who is not logged in sees the login page and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from tornado.httpclient import HTTPResponse

from tests.server.conftest import Up, environment, project

UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 16,
}  # fmt: skip
OPEN = ("/login", "/logout", "/favicon.ico")
ROUTES = """
import json
from pathlib import Path
from aura_lib.core import Settings
from aura_lib.server.app import bind, build

settings = Settings.load()
settings.ensure_home()
server = build(settings, Path.cwd(), bind(0))
found = []
for application in (server.door.lab, server.door.dashboards):
    routers = [rule.target for rule in application.default_router.rules] + [application.wildcard_router]
    found += [rule.matcher.regex.pattern for router in routers for rule in router.rules]
server.app.dashboards.zygote.close()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every route of both applications, as they are registered."""
    base = tmp_path_factory.mktemp("routes")
    folder = project(base / "project")
    told = subprocess.run(
        [sys.executable, "-c", ROUTES], cwd=folder, env=environment(base / "home"), capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def example(pattern: str) -> str:
    """An address that the pattern matches."""
    plain = st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"], include_characters="/._-:@~ ")
    quick = settings(phases=[Phase.generate], derandomize=True, database=None)
    return "/" + quote(find(st.from_regex(pattern, fullmatch=True, alphabet=plain), bool, settings=quick)).lstrip("/")


REAL = (
    "/lab", "/lab/tree/secret.ipynb", "/api", "/api/status", "/api/contents/secret.ipynb", "/files/secret.ipynb",
    "/static/lab/main.js", "/lab/extensions/anywidget/package.json", "/dashboards/look",
    "/dashboards/files/picture.svg",
    "/dashboards/voila/0.5.13/static/voila.js", "/dashboards/voila/0.5.13/labextensions/anywidget/package.json",
    "/aura/static/0/plotly.min.js", "/aura/runs/one", "/metrics", "/terminals/1", "/nbconvert/html/secret.ipynb",
    "//lab", "/login/../lab", "/static/style/../lab/main.js", "/static/style/%2e%2e/lab/main.js", "/nowhere",
)  # fmt: skip


def test_no_route_of_either_application_answers_a_stranger(up: Up, patterns: list[str]) -> None:
    addresses = sorted({example(pattern) for pattern in patterns} | set(REAL))
    assert len(addresses) > 80
    line = HTTPConnection("127.0.0.1", int(up.address.rpartition(":")[2]))

    def closed(address: str, method: str, headers: dict[str, str]) -> bool:
        line.request(method, address, headers=headers)
        answer = line.getresponse()
        answer.read()
        to_login = answer.status == 302 and answer.headers["Location"].startswith("/login?next=")
        return to_login or answer.status in (401, 403, 405)

    asked = [(address, method, {}) for address in addresses for method in ("GET", "HEAD", "POST", "PUT", "DELETE")]
    asked += [(address, "GET", UPGRADE) for address in addresses]
    assert not [one for one in asked if one[0] not in OPEN and not closed(*one)]


def test_who_has_the_token_gets_what_is_asked_for(up: Up) -> None:
    codes = {
        path: up.get(path).code for path in ("/lab", "/api/status", "/dashboards/", "/aura/static/0/plotly.min.js")
    }
    assert set(codes.values()) == {200}, codes
    assert up.get("/").headers["Location"].rstrip("?") == "/dashboards/"
    assert up.get("/dashboards/look", headers={"Authorization": "token wrong"}, token=False).code == 302


def login(up: Up) -> tuple[str, HTTPResponse]:
    """The cookie that a link with the token leaves, and the answer it came with."""
    entered = up.get(f"/dashboards/?token={up.told['token']}", token=False)
    return entered.headers["Set-Cookie"].partition(";")[0], entered


def test_a_page_of_another_site_can_use_nothing_of_a_login(up: Up) -> None:
    page = up.get("/dashboards/slider").body.decode()
    kernel = re.search(r'"kernelId": "([\w-]+)"', page)[1]
    foreign = {"Cookie": login(up)[0], "Origin": "http://evil.example"}
    assert up.get(f"/dashboards/api/kernels/{kernel}/channels", token=False, headers=UPGRADE | foreign).code == 403
    assert up.get("/api/kernels", token=False, headers=foreign, method="POST", body="{}").code in (403, 404)
    assert up.get("/api/kernels", token=False, headers={"Cookie": login(up)[0]}, method="POST", body="{}").code == 403


def test_one_login_opens_both_applications(up: Up) -> None:
    cookie, entered = login(up)
    name, _, value = cookie.partition("=")
    assert name.startswith("username-127-0-0-1-") and "path=/;" in entered.headers["Set-Cookie"].lower() + ";"
    assert (
        "httponly" in entered.headers["Set-Cookie"].lower() and "samesite=lax" in entered.headers["Set-Cookie"].lower()
    )
    assert up.get("/dashboards/", token=False, headers={"Cookie": cookie}).code == 200
    assert up.get("/lab", token=False, headers={"Cookie": cookie}).code == 200
    forged = {"Cookie": f"{name}={value[:-4]}0000"}
    assert up.get("/lab", token=False, headers=forged).code == 302


def test_the_login_page_is_whole_for_a_stranger(up: Up) -> None:
    page = up.get("/login", token=False)
    assert page.code == 200
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.body.decode())
    assert sheets and all(up.get(sheet, token=False).code == 200 for sheet in sheets)


def test_another_host_name_is_refused_even_with_the_token(up: Up) -> None:
    for path in (
        "/lab",
        "/dashboards/",
        "/dashboards/voila/0.5.13/static/voila.js",
        "/aura/static/0/aura.css",
        "/login",
    ):
        assert up.get(path, headers={"Host": "evil.example"}).code == 403


def test_the_token_is_written_where_only_this_user_reads(up: Up) -> None:
    place = up.home / "server" / "running.json"
    assert json.loads(place.read_text())["token"] == up.told["token"]
    assert place.stat().st_mode & 0o077 == 0 and place.parent.stat().st_mode & 0o077 == 0
    assert up.told["token"] not in up.log()
