"""The life of a dashboard's kernel, without a browser: forked, watched, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aura_lib.core import RunFailed
from aura_lib.jobs.kernels import Zygote
from aura_lib.server import kernels
from aura_lib.server.kernels import DashboardKernels, client
from tests.server.conftest import run, until


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(preload=("ipykernel.kernelapp",)) as parent:
        yield parent


def pid(all_of_them: DashboardKernels, kernel: str) -> int:
    return all_of_them.get_kernel(kernel).provisioner.pid


def test_a_kernel_without_a_page_ends_after_the_grace(
    zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "GRACE", 0.4)
    monkeypatch.setattr(kernels, "FIRST_CONTACT", 0.4)

    async def story() -> None:
        ours = DashboardKernels(zygote, tmp_path)
        seen, never_seen = await ours.start({}), await ours.start({})
        directory = ours.get_kernel(seen).directory
        first, second = pid(ours, seen), pid(ours, never_seen)
        ours.expect_tab(never_seen)
        ours.expect_tab(seen)
        ours.notify_connect(seen)
        assert await until(lambda: not psutil.pid_exists(second), 3)
        ours.notify_disconnect(seen)
        await asyncio.sleep(0.2)
        ours.notify_connect(seen)  # the connection is back in time
        await asyncio.sleep(0.6)
        assert psutil.pid_exists(first)
        ours.notify_disconnect(seen)
        assert await until(lambda: not psutil.pid_exists(first), 3)
        assert await until(lambda: not directory.exists() and not ours.list_kernel_ids(), 1)

    run(story())


def test_what_a_kernel_started_ends_with_it(zygote: Zygote, tmp_path: Path) -> None:
    async def story() -> None:
        ours = DashboardKernels(zygote, tmp_path)
        kernel = await ours.start({})
        talk = await client(ours.get_kernel(kernel))
        file = tmp_path / "child"
        talk.execute(f"import subprocess; open({str(file)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))")
        assert await until(lambda: file.exists() and file.read_text().isdigit(), 5)
        child = int(file.read_text())
        talk.stop_channels()
        await ours.end(kernel)
        assert await until(lambda: not psutil.pid_exists(child), 3)

    run(story())


def test_there_is_a_limit(zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LIMIT", 2)

    async def story() -> None:
        ours = DashboardKernels(zygote, tmp_path)
        one, starting = await ours.start({}), asyncio.create_task(ours.start({}))
        await asyncio.sleep(0)
        assert ours.full  # the one that is just starting counts
        await ours.end(await starting)
        assert not ours.full
        await ours.end(one)

    run(story())


def test_a_kernel_that_dies_at_its_start_is_said_to_be_dead(zygote: Zygote, tmp_path: Path) -> None:
    async def story() -> None:
        ours = DashboardKernels(zygote, tmp_path)
        kernel = ours.get_kernel(await ours.start({}))
        kernel.provisioner.process.kill()
        with pytest.raises(RunFailed, match="died while it started"):
            await client(kernel)
        await ours.end(kernel.kernel_id)

    run(story())


def test_where_it_cannot_fork_a_kernel_starts_cold(tmp_path: Path) -> None:
    async def story() -> None:
        with Zygote(warm=False) as cold:
            ours = DashboardKernels(cold, tmp_path)
            kernel = await ours.start({"QUERY_STRING": "a=1"})
            talk = await client(ours.get_kernel(kernel))
            file = tmp_path / "query"
            talk.execute(f"import os; open({str(file)!r}, 'w').write(os.environ['QUERY_STRING'])")
            assert await until(lambda: file.exists() and file.read_text() == "a=1", 10)
            talk.stop_channels()
            number = pid(ours, kernel)
            await ours.end(kernel)
            assert not psutil.pid_exists(number)

    run(story())
