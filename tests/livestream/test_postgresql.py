from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from django.db import connection, connections, transaction
from pytest_django import Settings

from livestream.postgresql.base import DatabaseWrapper, keep

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 6


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(connections.settings, "default", dict(connections.settings["default"]))
    monkeypatch.setattr(DatabaseWrapper, "keeps", False)
    monkeypatch.setattr(DatabaseWrapper, "kept", deque())
    keep()
    yield
    for each in DatabaseWrapper.kept:
        each.close()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def asked(count: int = 1) -> list[int]:
    """By requests that come at once, each in a thread of its own."""
    all_here = Barrier(count)

    def ask() -> int:
        found = backend()
        all_here.wait()
        connection.close()
        return found

    with ThreadPoolExecutor(count) as threads:
        return [each.result() for each in [threads.submit(ask) for _ in range(count)]]


def test_what_one_request_gives_back_the_next_one_has() -> None:
    assert asked() == asked()
    assert len(set(asked(MANY))) == MANY == len(DatabaseWrapper.kept)
    assert asked()[0] in asked(MANY)


def test_after_a_restart_of_postgresql_nobody_gets_a_connection_of_before() -> None:
    before = asked(MANY)
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        for pid in before:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert asked()[0] not in before
    assert len(DatabaseWrapper.kept) == 1


def test_nobody_waits_for_a_connection_that_does_not_answer(settings: Settings) -> None:
    settings.STORE_TIMEOUT_S = 0.1
    [paused] = asked()
    os.kill(paused, signal.SIGSTOP)
    try:
        assert asked() != [paused]
    finally:
        os.kill(paused, signal.SIGCONT)


def test_one_that_is_left_within_a_transaction_is_not_given_to_anybody() -> None:
    def leave() -> int:
        with pytest.raises(RuntimeError), transaction.atomic():
            left.append(backend())
            connection.close()
            raise RuntimeError
        connection.close()
        return left[0]

    left: list[int] = []
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(leave).result() not in asked()
