"""A dashboard: what is sent, when, and what of the kernel a page can reach."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tornado.simple_httpclient import HTTPTimeoutError
from tornado.websocket import WebSocketClientConnection

from tests.server.conftest import SECRET, Up, run, until


def config_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])


def kernel_of(page: str) -> str:
    return config_of(page)["kernelId"]


def pid_of(page: str) -> int:
    return int(re.search(r"PID (\d+)", page)[1])


def test_the_list_of_dashboards_is_the_landing_page_while_there_is_no_index(up: Up) -> None:
    page = run(up.page(""))
    assert all(f'href="{name}"' in page for name in ("look", "slider", "failing", "slow"))
    assert "inner" not in page and "hidden" not in page


def test_a_dashboard_shows_what_its_cells_made_in_the_places_their_tags_name(up: Up) -> None:
    page = run(up.page("look", book="momentum", token=up.told["token"]))
    assert "Looking around" in page and "<em>words</em>" in page
    assert "QUERY book=momentum" in page and up.told["token"] not in page
    assert re.search(r'class="aura-cell half"', page)
    assert "import os" not in page  # no source
    assert f"HOME {up.home}" in page


def test_a_kernel_is_a_warm_fork_that_sees_no_secret(up: Up) -> None:
    page = run(up.page("look"))
    names = re.search(r"NAMES (.*)", page)[1].split()
    assert "AURA_HOME" in names and "QUERY_STRING" in names
    assert "BROKER_API_KEY" not in names and not [name for name in names if name.startswith("JUPYTER")]
    assert "WARM True" in page
    process = psutil.Process(pid_of(page))
    assert SECRET not in str(process.environ()) and process.parent() in up.children()


def test_the_head_is_sent_before_the_cells_have_run(up: Up) -> None:
    parts: list[tuple[float, bytes]] = []
    began = time.monotonic()
    up.get("/dashboards/slow", streaming_callback=lambda part: parts.append((time.monotonic() - began, part)))
    first, last = parts[0], parts[-1]
    assert b"dashboard.css" in first[1] and b"aura-grid" in first[1]
    assert first[0] < 1.0 < 1.5 < last[0]


def test_a_cell_that_raises_is_a_card_of_one_line_and_the_others_go_on(up: Up) -> None:
    page = run(up.page("failing"))
    assert "before" in page and "after" in page
    cards = re.findall(r'role="alert">(.*?)</div>', page, re.S)
    assert len(cards) == 2
    assert "ValueError: no prices today" in cards[0] and "second line" not in page
    assert "prices are 12 days old: aura data fetch" in cards[1] and "DataError" not in cards[1]
    assert "Traceback" not in page and "said to nobody" not in page
    assert "Traceback (most recent call last)" in up.log() and "said to nobody" in up.log()


def test_nothing_but_dashboards_is_served(up: Up) -> None:
    for path in (
        "secret", "../secret", "..%2fsecret", "%2e%2e/secret.ipynb", ".hidden", "deeper/inner", "deeper%2finner",
        "linked", "look.txt", "notes.txt", "files/look.ipynb", "files/notes.txt", "files/../outside.svg",
        "files/..%2foutside.svg", "files/%2e%2e%2foutside.svg", "files/.hidden.svg", "api/contents/look.ipynb",
        "voila/files/look.ipynb", "voila/render/look.ipynb", "api/kernels", "voila/0.5.13/static/../../app.py",
        "voila/0.5.13/static/..%2f..%2fconf.json", "voila/0.5.13/labextensions/jupyterlab_pygments/package.json",
    ):  # fmt: skip
        answer = up.get(f"/dashboards/{path}")
        assert answer.code in (403, 404), path
        assert b"OUTSIDE" not in answer.body
    assert up.get("/dashboards/files/picture.svg").code == 200


def test_a_page_names_no_other_host(up: Up) -> None:
    page = run(up.page("slider"))
    named = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert not [address for address in named if urlsplit(address).netloc]
    sheets = [address for address in named if address.endswith(".css")]
    assert sheets
    for sheet in sheets:
        assert not re.search(rb"url\(\s*['\"]?(?:https?:)?//|@import", up.get(sheet).body), sheet


def test_what_a_page_loads_is_kept_by_the_browser(up: Up) -> None:
    page = run(up.page("slider"))
    loads = set(re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', page))
    assert {Path(address).name for address in loads} >= {"voila.js", "dashboard.css", "plotly.min.js"}
    for address in loads:
        answer = up.get(address)
        assert answer.code == 200 and "immutable" in answer.headers["Cache-Control"], address
    plotly = next(address for address in loads if address.endswith("plotly.min.js"))
    packed = up.get(plotly, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.body) < 2_000_000 and gzip.decompress(packed.body) == up.get(plotly).body


def test_jupyterlab_knows_where_our_files_are(up: Up) -> None:
    config = config_of(up.get("/lab").body.decode())
    assert up.get(f"{config['auraStatic']}plotly.min.js").code == 200
    assert {"@jupyterlab/apputils-extension:announcements", "@voila-dashboards/jupyterlab-preview"} <= set(
        config["disabledExtensions"]
    )
    assert "cdnjs" not in json.dumps(config)


# ---- the websocket -------------------------------------------------------------------------------------------------
def message(kind: str, content: dict[str, object], channel: str = "shell") -> str:
    header = {"msg_id": kind, "msg_type": kind, "username": "", "session": "tests", "version": "5.3", "date": ""}
    return json.dumps(
        {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel, "buffers": []}
    )


async def heard(socket: WebSocketClientConnection, kind: str) -> dict[str, object]:
    while True:
        said = json.loads(await socket.read_message())
        if said["msg_type"] == kind:
            return said


def test_a_widget_answers_and_nothing_else_is_executed(up: Up, tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    async def story() -> None:
        page = await up.page("slider")
        socket = await up.websocket(kernel_of(page))
        code = {"code": f"open({str(mark)!r}, 'w')", "silent": False, "store_history": False, "stop_on_error": True}
        for channel in ("shell", "control"):
            await socket.write_message(message("execute_request", code, channel))
        await socket.write_message(message("shutdown_request", {"restart": False}, "control"))
        slider = re.search(r"MODEL (\w+)", page)[1]
        await socket.write_message(
            message("comm_msg", {"comm_id": slider, "data": {"method": "update", "state": {"value": 42}}})
        )
        while "n is 42" not in json.dumps(await heard(socket, "comm_msg")):
            pass
        assert psutil.pid_exists(pid_of(page))
        socket.close()

    run(story())
    assert not mark.exists()
    assert up.log().count('"execute_request", which is not allowed') == 2
    assert '"shutdown_request", which is not allowed' in up.log()


def test_a_page_that_is_left_takes_its_kernel_with_it(up: Up) -> None:
    async def story() -> None:
        page = await up.page("slider")
        kernel, pid = kernel_of(page), pid_of(page)
        socket = await up.websocket(kernel)
        await heard(socket, "status")
        goodbye = f"/dashboards/voila/api/shutdown/{kernel}"
        assert (await up.fetch(goodbye, method="POST", body="")).code == 204
        assert not await until(lambda: not psutil.pid_exists(pid), 2)  # it says so but is still there
        socket.close()
        await up.fetch(goodbye, method="POST", body="")
        assert await until(lambda: not psutil.pid_exists(pid), 4)
        await asyncio.sleep(0.3)
        assert (await up.fetch(f"/dashboards/api/kernels/{kernel}")).code == 404

    run(story())


def test_a_request_that_is_given_up_ends_its_kernel(up: Up) -> None:
    before = set(up.children())

    async def story() -> None:
        with pytest.raises(HTTPTimeoutError):
            await up.fetch("/dashboards/slow", request_timeout=0.9)
        assert await until(lambda: not [one for one in up.children() if one not in before], 4)

    run(story())


def test_a_page_cannot_restart_or_stop_kernels(up: Up) -> None:
    kernel = kernel_of(run(up.page("slider")))
    address = f"/dashboards/api/kernels/{kernel}"
    assert up.get(address).code == 200
    assert up.get(address, method="DELETE").code == 405
    assert up.get(f"{address}/restart", method="POST", body="").code == 404
