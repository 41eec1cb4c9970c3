from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.streamer import Cast, Streamer
from tests.live import Site


@pytest.fixture(scope="session")
def cast(site: Site) -> Iterator[Cast]:
    with Cast(site) as cast:
        yield cast


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice")


@pytest.fixture
def mallory(cast: Cast) -> Streamer:
    return cast.join("mallory")
