from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults import figures

PATIENCE_S = 15


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE_S) as client:
        yield client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the site does wrong it does again; what another's work on the processor did is over."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fault)
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of a run without "not long"."""
    if not session.config.option.markexpr and figures.MEASURED:
        figures.write_document()
