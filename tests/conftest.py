from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live import Site


@pytest.fixture(scope="session")
def site() -> Site:
    return Site.of(Path(os.environ["LIVESTREAM_ENV"]))
