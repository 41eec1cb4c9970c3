"""Small pictures, of what a real ffmpeg encoded."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import Image
from pytest_django import Settings
from redis.asyncio import Redis

from accounts.models import Channel
from streams import purge, thumbnails
from streams.cache_writer import Writer
from streams.thumbnails import NoPicture
from tests.broadcasts import broadcast_of
from tests.streams.rig import NOW, begun, broadcast_id, encoded, part, redis, variant

__all__ = ["broadcast_id", "redis"]


@pytest.fixture
async def writer(redis: Redis, broadcast_id: str) -> Writer:
    """Of the only rendition there is."""
    writer = await begun(redis, broadcast_id, "360p")
    init, data = encoded()
    await writer.init(init)
    await writer.report(variant("360p"), NOW)
    dear = replace(variant("source"), bandwidth=5_000_000)
    await (await begun(redis, broadcast_id, "source")).report(dear, NOW)
    await (await begun(redis, broadcast_id, "audio")).report(variant("audio"), NOW)
    await writer.store(part(10, NOW, independent=True, epoch=writer.epoch), data, NOW)
    await writer.store(part(10, NOW + 333, independent=False, epoch=writer.epoch), b"no keyframe", NOW)
    return writer


async def test_the_newest_keyframe_of_the_lowest_rendition_becomes_a_small_picture(
    redis: Redis, broadcast_id: str, writer: Writer
) -> None:
    jpeg = thumbnails.draw(await thumbnails.keyframe(redis, broadcast_id))
    picture = Image.open(io.BytesIO(jpeg))
    assert (picture.format, picture.size) == ("JPEG", (320, 180))
    red, green, blue = picture.convert("RGB").getpixel((160, 90))  # type: ignore[misc]
    assert red > 200 and green < 60 and blue < 60
    assert len(jpeg) < 40_000


async def test_there_is_no_picture_of_what_has_not_begun(redis: Redis, broadcast_id: str) -> None:
    with pytest.raises(NoPicture):
        await thumbnails.keyframe(redis, broadcast_id)


@pytest.mark.parametrize("media", [b"", b"not a film", encoded()[0], b"\0" * 1000])
def test_what_cannot_be_decoded_is_no_picture(media: bytes) -> None:
    with pytest.raises(NoPicture):
        thumbnails.draw(media)


@pytest.mark.django_db
def test_the_last_picture_stays_with_a_broadcast_that_is_over(channel: Channel, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    live = broadcast_of(channel, "live")
    thumbnails.keep_poster(live.pk, b"a picture")
    live.refresh_from_db()
    assert not live.poster
    live.state = "ended"
    live.save()
    for picture in (b"the last", b"a later one"):
        thumbnails.keep_poster(live.pk, picture)
    live.refresh_from_db()
    assert live.poster.read() == b"the last" and [each.name for each in tmp_path.rglob("*.jpg")] == [f"{live.pk}.jpg"]


@pytest.mark.django_db
def test_a_poster_that_was_half_written_is_dropped(channel: Channel, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    over = broadcast_of(channel, "ended")
    (tmp_path / "broadcasts").mkdir()
    (tmp_path / "broadcasts" / f"{over.pk}.jpg").write_bytes(b"the l")
    thumbnails.keep_poster(over.pk, b"the last")
    purge.pictures(timezone.now() + dt.timedelta(hours=2))
    over.refresh_from_db()
    assert over.poster.read() == b"the last" and len([*tmp_path.rglob("*.jpg")]) == 1


@pytest.mark.django_db
def test_only_what_is_live_is_drawn(channel: Channel) -> None:
    broadcast_of(channel, "ended")
    live = broadcast_of(channel, "live")
    assert thumbnails.on_air() == [live.pk]
