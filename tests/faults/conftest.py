from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults import figures

PATIENCE_S = 15
QUICK = "not long"  # as script/test has it
FAULTS = Path(__file__).parent


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE_S) as client:
        yield client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the site does wrong it does again; what another's work on the processor did is over."""
    for item in items:
        if FAULTS in item.path.parents:
            item.add_marker(pytest.mark.fault)
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of a run with long ones; what one of all of them did not measure is measured no more."""
    chosen = session.config.option
    if chosen.markexpr != QUICK and figures.MEASURED:
        paths = [Path(argument).resolve() for argument in session.config.args]
        everything = not (chosen.markexpr or chosen.keyword) and any(path in (FAULTS, *FAULTS.parents) for path in paths)
        figures.write_document([] if everything else figures.known())
