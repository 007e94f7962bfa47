from __future__ import annotations

import pytest

from aura_lib.core import Bars
from aura_lib.testing import sample_bars as sample


@pytest.fixture(scope="session")
def sample_bars(tmp_path_factory: pytest.TempPathFactory) -> Bars:
    return sample(tmp_path_factory.mktemp("home"))
