from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.faults import figures

PATIENCE_S = 15


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE_S) as client:
        yield client


def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the whole of it."""
    if not session.config.option.markexpr and any(figures.kept()):
        figures.write_document()
