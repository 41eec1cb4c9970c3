"""A stream key that has been used in every way is nowhere to be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pymongo
import pytest
import redis

from tests.e2e.processes import commands
from tests.e2e.streamer import Cast, Streamer

OURS = ("SECRET_KEY", "RTMP_HOOK_SECRET", "FIRST_ADMIN_TOKEN", "STORES_PASSWORD")


@pytest.fixture(scope="module")
def alice(cast: Cast) -> Iterator[Streamer]:
    """On the air with a key that was refused before, in several ways."""
    alice = cast.join("alice")
    revoked = alice.another_key("revoked")
    for name in (f"{alice.key}.", f"{alice.key}?name={alice.key}&addr={alice.key}", f"x?name={alice.key}", revoked):
        with alice.publish(name, seconds=3) as publisher:
            publisher.end(within_s=20)
    alice.wait_until_over()
    with alice.on_air():
        with alice.publish() as second:
            second.end(within_s=20)
        yield alice


def assert_absent(secret: str, text: str, where: str) -> None:
    at = text.find(secret)
    assert at < 0, f"{where}: …{text[max(0, at - 80) : at]}"


def test_a_key_is_in_no_log(alice: Streamer) -> None:
    for file in alice.site.folder.glob("log/*"):
        assert_absent(alice.key, file.read_text(errors="replace"), file.name)


def test_the_site_s_own_secrets_are_in_no_log(alice: Streamer) -> None:
    for file in alice.site.folder.glob("log/*"):
        for name in OURS:
            assert_absent(alice.site.env[name], file.read_text(errors="replace"), f"{name} in {file.name}")


def test_a_key_is_in_no_process_list(alice: Streamer) -> None:
    running = commands(alice.site)
    assert sum("ffmpeg" in command for command in running.values()) >= 3
    for pid, command in running.items():
        assert_absent(alice.key, command, str(pid))


@pytest.mark.parametrize("name", ["SEGMENTS", "CONTROL"])
def test_a_key_is_not_in_redis(alice: Streamer, name: str) -> None:
    with redis.Redis.from_url(alice.site.env[f"{name}_REDIS_URL"]) as client:
        keys = list(client.scan_iter(count=1000))
        assert keys
        for key in keys:
            assert_absent(alice.key, f"{key!r} {value_of(client, key)!r}", repr(key))


def value_of(client: Any, key: bytes) -> object:
    """Not as a dump, which is compressed."""
    reads: dict[str, Callable[[bytes], object]] = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1),
        "stream": client.xrange,
        "none": lambda key: None,  # it has expired meanwhile
    }
    return reads[client.type(key).decode()](key)


def test_only_a_hash_of_it_is_in_mongodb(alice: Streamer) -> None:
    with pymongo.MongoClient(alice.site.env["MONGODB_URI"]) as client:  # type: ignore[var-annotated]
        database = client.get_default_database()
        documents = [repr(document) for name in database.list_collection_names() for document in database[name].find()]
    assert any(alice.key.split("_")[1] in document for document in documents)  # by its public part
    for document in documents:
        assert_absent(alice.key, document, "a document")


def test_a_key_is_not_in_postgresql(alice: Streamer) -> None:
    with psycopg.connect(alice.site.env["DATABASE_URL"]) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        assert "procrastinate_jobs" in tables
        for table in tables:
            for (row,) in connection.execute(f'SELECT t::text FROM "{table}" t'):
                assert_absent(alice.key, row, table)


def test_a_key_is_on_no_page_after_it_was_shown(alice: Streamer) -> None:
    with httpx.Client(base_url=alice.site.url, cookies={"sessionid": alice.cookie}) as client:
        live = alice.state()["playlist"]
        for path in (
            "/dashboard/",
            "/dashboard/keys/",
            "/dashboard/broadcasts/",
            "/dashboard/live/",
            f"/@{alice.name}/",
            f"/api/v1/channels/{alice.name}/",
            live,
        ):
            assert_absent(alice.key, client.get(path).raise_for_status().text, path)
