from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_lib.core import Bars
from aura_lib.testing import sample_bars as sample
from tests.data import alpaca_server
from tests.data.alpaca_server import Alpaca
from tests.data.yahoo import Yahoo, certificate, serving


@pytest.fixture(scope="session")
def sample_bars(tmp_path_factory: pytest.TempPathFactory) -> Bars:
    return sample(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def yahoo(certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Yahoo]:
    """Yahoo on this machine; the real client reaches it as it would a company's proxy."""
    with serving(*certified) as server:
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certified[0]))
        yield server


@pytest.fixture
def alpaca(monkeypatch: pytest.MonkeyPatch) -> Iterator[Alpaca]:
    """Alpaca on this machine; the real client reaches it by the documented variable."""
    with alpaca_server.serving() as server:
        monkeypatch.setenv("ALPACA_DATA_URL", server.url)
        monkeypatch.setenv("ALPACA_API_KEY", alpaca_server.KEY)
        monkeypatch.setenv("ALPACA_SECRET_KEY", alpaca_server.SECRET)
        yield server
