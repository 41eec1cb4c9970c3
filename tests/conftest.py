from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from streams import limits
from tests.live import Site


@pytest.fixture(autouse=True)
def own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test does counts for nobody else: neither the running site nor another test."""
    monkeypatch.setattr(limits, "PREFIX", f"test-{secrets.token_hex(8)}")


@pytest.fixture(scope="session")
def site() -> Site:
    return Site.of(Path(os.environ["LIVESTREAM_ENV"]))
