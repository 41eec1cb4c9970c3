"""From the real Redis to PostgreSQL: once, in order, and later rather than never."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import OperationalError, connection
from django.utils import timezone
from redis import Redis

from accounts.models import Channel, User
from interactions import archive, jobs, messages, room_log
from interactions.archive import Entry
from interactions.models import Message
from interactions.wire import user_pk
from tests.interactions.rooms import say, wire

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("layer", "clean_queue")]


def run(write: Callable[[list[Entry]], None] = archive.store) -> int:
    async def drain() -> int:
        async with room_log.connect() as redis:
            return await archive.drain(redis, sync_to_async(write))

    return async_to_sync(drain)()


def left(control: Redis) -> int:
    return int(control.xlen("chat:archive"))


def archived(channel: Channel) -> list[tuple[str, str]]:
    return list(Message.objects.filter(channel=channel).order_by("n").values_list("text", "state"))


def test_what_was_said_is_archived_with_its_number_and_author(channel: Channel, bob: User, control: Redis) -> None:
    n = say(channel, bob, "hello")
    assert run() == 1
    kept = Message.objects.get()
    assert (kept.channel, kept.n, kept.user, kept.text, kept.state) == (channel, n, bob, "hello", "visible")
    assert kept.epoch == control.hget("chat:{alice}:room", "epoch").decode()  # type: ignore[union-attr]
    assert abs(timezone.now() - kept.at) < dt.timedelta(minutes=1)
    assert left(control) == 0 and run() == 0


def test_it_goes_on_until_nothing_is_left(channel: Channel, bob: User, control: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "BATCH", 3)
    for number in range(10):
        say(channel, bob, f"{number}")
    assert run() == 10
    assert [text for text, _ in archived(channel)] == [f"{number}" for number in range(10)]


def test_a_batch_that_is_repeated_after_a_crash_makes_no_second_copy(
    channel: Channel, bob: User, alice: User, control: Redis
) -> None:
    say(channel, bob, "before")
    messages.purge(alice, channel, bob, timezone.now())
    say(channel, bob, "after")

    def crash_after_commit(batch: list[Entry]) -> None:
        archive.store(batch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(crash_after_commit)
    assert left(control) == 3
    say(channel, bob, "later")
    run()
    assert archived(channel) == [("before", "deleted"), ("after", "visible"), ("later", "visible")]
    assert left(control) == 0


def test_while_postgresql_is_away_nothing_is_lost(channel: Channel, bob: User, control: Redis) -> None:
    say(channel, bob, "one")

    def away(batch: list[Entry]) -> None:
        raise OperationalError("the server closed the connection")

    for _ in range(2):
        with pytest.raises(OperationalError):
            run(away)
    say(channel, bob, "two")
    assert left(control) == 2 and not Message.objects.exists()
    run()
    assert archived(channel) == [("one", "visible"), ("two", "visible")]


def test_a_batch_is_written_whole_or_not_at_all(channel: Channel, bob: User, control: Redis) -> None:
    say(channel, bob, "one")
    n = say(channel, bob, "two")
    messages.delete(channel.owner, channel, n, timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE interactions_message ADD CONSTRAINT nothing_deleted CHECK (state = 'visible')")
    try:
        with pytest.raises(Exception, match="nothing_deleted"):
            run()
        assert not Message.objects.exists() and left(control) == 3
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE interactions_message DROP CONSTRAINT nothing_deleted")
    run()
    assert archived(channel) == [("one", "visible"), ("two", "deleted")]


def test_the_job_moves_everything(channel: Channel, bob: User, control: Redis) -> None:
    say(channel, bob, "hello")
    assert async_to_sync(jobs.archive_chat.func)() == 1
    assert archived(channel) == [("hello", "visible")]


# --- deletions ------------------------------------------------------------------------------------------------------------


def test_a_deletion_reaches_what_is_archived_and_what_comes_with_it(channel: Channel, bob: User, control: Redis) -> None:
    first = say(channel, bob, "first")
    run()
    second = say(channel, bob, "second")
    say(channel, bob, "third")
    for n in (first, second):
        messages.delete(channel.owner, channel, n, timezone.now())
    run()
    assert archived(channel) == [("first", "deleted"), ("second", "deleted"), ("third", "visible")]


def test_a_purge_reaches_what_one_user_said_in_one_room(channel: Channel, bob: User, mallory: User, control: Redis) -> None:
    Message.objects.create(channel=channel, epoch="of old", n=99, user=mallory, text="old", at=timezone.now())
    say(channel, mallory, "spam")
    say(channel, bob, "hello")
    say(mallory.channel, mallory, "at home")
    messages.purge(channel.owner, channel, mallory, timezone.now())
    run()
    assert sorted(archived(channel)) == [("hello", "visible"), ("old", "deleted"), ("spam", "deleted")]
    assert archived(mallory.channel) == [("at home", "visible")]


def test_clearing_a_room_reaches_back_a_day(channel: Channel, bob: User, control: Redis) -> None:
    say(channel, bob, "today")
    epoch = control.hget("chat:{alice}:room", "epoch").decode()  # type: ignore[union-attr]
    long_ago = timezone.now() - dt.timedelta(hours=25)
    Message.objects.create(channel=channel, epoch=epoch, n=0, user=bob, text="the day before yesterday", at=long_ago)
    messages.clear(channel.owner, channel, timezone.now())
    say(channel, bob, "after")
    run()
    assert archived(channel) == [("the day before yesterday", "visible"), ("today", "deleted"), ("after", "visible")]


def test_a_message_of_an_older_epoch_is_deleted_in_the_archive(channel: Channel, bob: User, control: Redis) -> None:
    n = say(channel, bob, "old")
    run()
    epoch = Message.objects.get().epoch
    control.flushdb()
    assert say(channel, bob, "new") == n
    messages.delete(channel.owner, channel, n, timezone.now(), epoch=epoch)
    run()
    assert set(archived(channel)) == {("old", "deleted"), ("new", "visible")}


# --- what is gone ---------------------------------------------------------------------------------------------------------


def test_accounts_and_channels_that_are_gone_stop_nobody(channel: Channel, bob: User, mallory: User, control: Redis) -> None:
    say(channel, mallory, "mine")
    say(mallory.channel, bob, "there")
    say(channel, bob, "hello")
    mallory.delete()
    run()
    assert archived(channel) == [("hello", "visible")] and Message.objects.count() == 1
    assert left(control) == 0


# --- the index ------------------------------------------------------------------------------------------------------------


def test_words_are_found_by_the_text_index(channel: Channel, bob: User, control: Redis) -> None:
    for text in ("Привет, world", "the worldly", "hello\u0020there"):
        say(channel, bob, text)
    run()
    assert [message.text for message in Message.objects.saying("WORLD")] == ["Привет, world"]
    assert [message.text for message in Message.objects.saying("привет -there")] == ["Привет, world"]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        plan: Any = Message.objects.saying("world").explain(format="json")
        cursor.execute("SET enable_seqscan = on")
    assert "message_text" in json.dumps(json.loads(plan))


def test_the_wire_id_is_the_accounts_key(bob: User) -> None:
    assert user_pk(wire(bob)) == bob.pk
