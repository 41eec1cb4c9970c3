"""script/demo beside the running site."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pymongo
import pytest

from tests.e2e.playlists import Listed, fetch
from tests.e2e.processes import below, read
from tests.e2e.waiting import until
from tests.live import CHECKOUT, Site

LIVE_S = 30
STOP_S = 15
KEY = re.compile("live_[0-9a-f]{8}_[0-9a-f]{40}")
CLIP = "ffmpeg -v error -f lavfi -i testsrc2=size=320x180:rate=15 -t 2 -c:v mpeg4 clip.mp4"  # shorter than the test, and silent


@contextmanager
def demo(site: Site, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [str(CHECKOUT / "script/demo"), *arguments]
    environment = site.environment | {"LIVESTREAM_ENV": str((site.folder / "env").resolve())}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def live(site: Site) -> dict[str, Any] | None:
    answer = httpx.get(f"{site.url}/api/v1/channels/demo/")
    return answer.json()["live"] if answer.status_code == 200 else None


def is_live(site: Site) -> bool:
    return (live(site) or {}).get("state") == "live"


def complete_segments(site: Site) -> list[Listed]:
    with httpx.Client(timeout=15) as client:
        return fetch(client, (live(site) or {})["playlist"].replace("master", "360p/playlist")).complete


def keys_in_use(site: Site) -> int:
    with pymongo.MongoClient(site.env["MONGODB_URI"]) as client:  # type: ignore[var-annotated]
        keys = client.get_default_database()["stream_keys"].find({"label": "script/demo"})
        return sum("revoked_at" not in key for key in keys)


@pytest.mark.parametrize("arguments", [(), ("--clip", "clip.mp4")])
def test_it_is_on_the_air_until_it_is_stopped(site: Site, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    subprocess.run(shlex.split(CLIP), cwd=tmp_path, check=True)
    before = keys_in_use(site)
    with demo(site, tmp_path, *arguments) as process:
        assert process.stdout
        assert process.stdout.readline() == f"Watch  {site.url}/@demo/\n"
        until(lambda: is_live(site) or process.poll() is not None, LIVE_S)
        until(lambda: len(complete_segments(site)) >= 3, LIVE_S)
        assert process.poll() is None
        assert keys_in_use(site) == before + 1
        assert not [pid for pid in [process.pid, *below(process.pid)] if KEY.search(read(Path(f"/proc/{pid}/cmdline")))]
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_S) == 0
    until(lambda: live(site) is None, STOP_S)
    assert keys_in_use(site) == before


def failing(*arguments: str, **environment: str) -> str:
    command = [str(CHECKOUT / "script/demo"), *arguments]
    result = subprocess.run(command, env={"PATH": os.environ["PATH"]} | environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert not result.stdout
    return result.stderr


def test_it_says_that_the_site_has_never_run(tmp_path: Path) -> None:
    words = failing(LIVESTREAM_ENV=str(tmp_path / "env"))
    assert words.startswith("The site has never run here: start it with script/server")


def test_it_says_that_the_site_does_not_run(site: Site) -> None:
    words = failing(LIVESTREAM_ENV=str(site.folder / "env"), PUBLIC_URL="http://localhost:1")
    assert words.strip() == (
        "CommandError: The site does not answer at http://localhost:1: start it with script/server, then run this again."
    )


def test_it_says_that_ffmpeg_or_the_clip_is_missing(site: Site) -> None:
    env = str(site.folder / "env")
    assert "`/nowhere/ffmpeg` was not found: run script/bootstrap" in failing(LIVESTREAM_ENV=env, FFMPEG="/nowhere/ffmpeg")
    assert "There is no file nowhere.mp4." in failing("--clip", "nowhere.mp4", LIVESTREAM_ENV=env)


def test_it_says_why_it_was_refused(site: Site, tmp_path: Path) -> None:
    env, before = str((site.folder / "env").resolve()), keys_in_use(site)
    with demo(site, tmp_path) as first:
        until(lambda: is_live(site) or first.poll() is not None, LIVE_S)
        result = subprocess.run(
            [str(CHECKOUT / "script/demo")], env=site.environment | {"LIVESTREAM_ENV": env}, capture_output=True, text=True
        )
        assert "The publisher has ended. Another encoder is live with your channel. Stop it first." in result.stderr
        assert KEY.search(result.stderr) is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(STOP_S) == 0
    assert keys_in_use(site) == before


def test_it_explains_itself() -> None:
    words = subprocess.run([str(CHECKOUT / "script/demo"), "--help"], capture_output=True, text=True, check=True).stdout
    assert "--clip FILE" in words
