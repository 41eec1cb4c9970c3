"""A small picture of what is live, anew every ten seconds: the newest keyframe of the lowest rendition, from Redis to Redis."""

from __future__ import annotations

import io

import av
from django.core.files.base import ContentFile
from redis.asyncio import Redis

from streams import segment_cache
from streams.hls.timeline import Timeline
from streams.ladder import AUDIO
from streams.models import Broadcast

WIDTH, HEIGHT = 320, 180  # it fits into that
QUALITY = 70


class NoPicture(Exception):
    """There is none that can be shown yet."""


def on_air() -> list[str]:
    return list(Broadcast.objects.filter(state=Broadcast.State.LIVE).order_by("started_at").values_list("pk", flat=True))


async def keyframe(redis: Redis, broadcast_id: str) -> bytes:
    """An init section and the newest part that begins with a keyframe, of the rendition that is cheapest to decode.

    Raises NoPicture.
    """
    master = await segment_cache.master(redis, broadcast_id)
    variants = [each for each in (master.variants or [] if master else []) if each.name != AUDIO]
    if not variants:
        raise NoPicture
    rendition = min(variants, key=lambda each: each.bandwidth).name
    timeline = Timeline(await segment_cache.timeline(redis, broadcast_id, rendition))
    for segment in reversed(timeline.segments):
        first = next((part for part in segment.parts if part.independent), None)
        if first:
            init = await segment_cache.init(redis, broadcast_id, rendition, first.init)
            data = await segment_cache.parts(redis, broadcast_id, rendition, [first.name])
            if init and data:
                return init + data
    raise NoPicture


def draw(media: bytes) -> bytes:
    """A JPEG of the first frame. Raises NoPicture."""
    try:
        with av.open(io.BytesIO(media), "r", format="mp4") as container:
            picture = next(container.decode(video=0)).to_image()
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise NoPicture from error
    picture.thumbnail((WIDTH, HEIGHT))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def keep_poster(broadcast_id: str, jpeg: bytes) -> None:
    """Once it is over, the last one stays with the broadcast. Keeping it again changes nothing."""
    broadcast = Broadcast.objects.get(pk=broadcast_id)
    if not broadcast.is_open and not broadcast.poster:
        broadcast.poster.save(f"{broadcast_id}.jpg", ContentFile(jpeg), save=False)
        broadcast.save(update_fields=["poster"])
