from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg_pool import ConnectionPool

from livestream.connections import keep

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    own = connections.settings["default"]
    monkeypatch.setitem(connections.settings, "default", own | {"OPTIONS": dict(own["OPTIONS"])})
    pools: dict[str, ConnectionPool] = {}
    monkeypatch.setattr(DatabaseWrapper, "_connection_pools", pools)
    keep()
    yield
    for pool in pools.values():
        pool.close()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found = cursor.fetchone()
    connection.close()
    return int(found[0])


def asked() -> int:
    """As each request does, in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(backend).result()


def test_what_one_request_gives_back_the_next_one_has() -> None:
    assert asked() == asked()


def test_a_connection_that_broke_meanwhile_is_not_given_to_anybody() -> None:
    broken = asked()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [broken])
    assert asked() != broken
