"""What the `jobs` pool does for chats: archive, reaction heat, words to rooms, and what could not be put in force at once."""

from __future__ import annotations

import logging
from typing import Any

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from pymongo.errors import PyMongoError

from interactions import archive, enforcement, events, heat, presence, purge, room_log
from streams import logged
from streams.jobs import in_database
from streams.moments import unix_ms

log = logging.getLogger(__name__)

PATIENTLY = RetryStrategy(max_attempts=20, wait=2, linear_wait=10)  # about half an hour


@app.periodic(cron="* * * * * */5")
@app.task(name="archive_chat", queue="jobs", queueing_lock="archive_chat")
async def archive_chat(timestamp: int = 0) -> int:
    async with room_log.connect() as redis:
        return await archive.drain(redis, in_database(archive.store))


@app.periodic(cron="* * * * *")
@app.task(name="drain_heat", queue="jobs", lock="drain_heat", queueing_lock="drain_heat")
async def drain_heat(timestamp: int = 0) -> None:
    async with room_log.connect() as redis:
        for room in await in_database(heat.rooms)(timezone.now()):
            try:
                await heat.drain(redis, room, in_database(heat.store))
            except PyMongoError as error:
                with logged.logged(room=room):
                    log.warning("reactions in %s are written later: %s", room, type(error).__name__)


@app.periodic(cron="* * * * * */20")
@app.task(name="count_rooms", queue="jobs", queueing_lock="count_rooms")
async def count_rooms(timestamp: int = 0) -> None:
    now = timezone.now()
    async with room_log.connect() as redis:
        live = await in_database(presence.live)(now)
        counts = {each: await room_log.present(redis, each.room, unix_ms(now)) for each in live}
    await in_database(presence.note)(counts)


@app.task(name="tell_room", queue="jobs", retry=PATIENTLY)
async def tell_room(broadcast_id: str, kind: str) -> None:
    await in_database(events.tell)(broadcast_id, kind)


@app.periodic(cron="27 * * * *")
@app.task(name="purge_chats", queue="jobs", queueing_lock="purge_chats")
async def purge_chats(timestamp: int = 0) -> None:
    await in_database(purge.decided)(timezone.now())


# --- what Redis was away for ----------------------------------------------------------------------------------------------


@app.task(name="enforce_item", queue="jobs", retry=PATIENTLY)
async def enforce_item(room: str, item: dict[str, Any]) -> None:
    await in_database(enforcement.append)(room, item)


@app.task(name="enforce_settings", queue="jobs", retry=PATIENTLY)
async def enforce_settings(channel_id: int) -> None:
    await in_database(enforcement.put_settings)(channel_id)


@app.task(name="enforce_restriction", queue="jobs", retry=PATIENTLY)
async def enforce_restriction(user_id: int, channel_id: int | None) -> None:
    await in_database(enforcement.put_restriction)(user_id, channel_id)


@app.task(name="enforce_rename", queue="jobs", retry=PATIENTLY)
async def enforce_rename(before: str, after: str) -> None:
    await in_database(enforcement.move_room)(before, after)


@app.task(name="enforce_site_terms", queue="jobs", retry=PATIENTLY)
async def enforce_site_terms() -> None:
    await in_database(enforcement.put_site_terms)()
