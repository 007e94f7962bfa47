from __future__ import annotations

from collections.abc import Iterator

import pytest

from aura_lib.data.store.postgres import Store


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store in an empty database."""
    opened = Store(database)
    yield opened
    opened.close()
