"""Who watches, and what it looks like: from a player in Chromium to what the site keeps."""

from __future__ import annotations

import io
import json

import httpx
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.e2e.watcher import Watcher
from tests.live import Site

DRAWN_S = 25  # a picture is drawn every ten seconds
TOLD_S = 10
KEPT_S = 20
FIGURES = """
import json
from django.utils import timezone
from streams import audience
from streams.models import Broadcast
broadcast = Broadcast.objects.get(pk="{id}")
began = int(broadcast.started_at.timestamp() * 1000)
print(json.dumps(audience.with_segments(lambda redis: audience.pending(redis, broadcast.pk, began, began + 3_600_000))))
"""
POSTER = """
from streams.models import Broadcast
print(Broadcast.objects.get(pk="{id}").poster)
"""


def viewers(alice: Streamer) -> int | None:
    answer = httpx.get(f"{alice.site.url}/live/{alice.name}/viewers")
    return answer.json()["viewers"] if answer.status_code == 200 else None


def shell(site: Site, code: str) -> str:
    return site.manage("shell", "--no-imports", "--command", code)


def test_a_viewer_is_counted_and_what_is_watched_is_pictured(watcher: Watcher, alice: Streamer, site: Site) -> None:
    with alice.on_air(inputs=(*picture("320x180", fps=15), *TONE), video=(*H264, "-g", "30")):
        assert alice.live
        broadcast_id = alice.live["id"]
        watcher.open(alice)
        watcher.watch()
        until(lambda: viewers(alice) == 1, TOLD_S)
        expect(watcher.page.locator("viewer-count")).to_have_text("1 viewer")
        jpeg = until(lambda: thumbnail(alice), DRAWN_S)
        assert Image.open(io.BytesIO(jpeg)).size == (320, 180)
        watcher.page.goto("about:blank")
        until(lambda: viewers(alice) == 0, TOLD_S)
    alice.wait_until_over()
    told = json.loads(shell(site, FIGURES.format(id=broadcast_id)))
    assert sum(each["watch_s"] for each in told.values()) >= 1 and max(each["peak"] for each in told.values()) == 1
    assert until(lambda: shell(site, POSTER.format(id=broadcast_id)).strip(), KEPT_S).endswith(".jpg")
    assert not watcher.errors


def thumbnail(alice: Streamer) -> bytes:
    answer = httpx.get(f"{alice.site.url}/live/{alice.name}/thumbnail.jpg")
    return answer.content if answer.status_code == 200 else b""
