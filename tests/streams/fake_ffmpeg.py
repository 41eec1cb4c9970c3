"""A shell script in ffmpeg's place, which writes what the real ffmpeg wrote."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import pytest

WAIT = "exec sleep 60"


class Fake:
    """Writes the script and the files that it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids = folder / "pids"

    def file(self, data: bytes) -> str:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.mp4"
        path.write_bytes(data)
        return quote(str(path))

    def program(self, *lines: str) -> str:
        path = self.folder / "ffmpeg"
        path.write_text("\n".join(["#!/bin/sh", f"echo $$ >> {quote(str(self.pids))}", *lines, ""]))
        path.chmod(0o755)
        return str(path)

    def started(self) -> list[int]:
        return [int(pid) for pid in self.pids.read_text().split()] if self.pids.exists() else []

    def running(self) -> list[int]:
        return [pid for pid in self.started() if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)
