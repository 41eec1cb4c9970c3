from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.instance import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path / "alice", public=False)
    yield instance
    if instance.data.exists():  # outside tmp_path, if that is closed to other users
        shutil.rmtree(instance.data)
