"""Django's backend for PostgreSQL: a process that serves keeps connections for its next requests, since making one costs 6 ms.

Where PostgreSQL refuses, everybody is told at once; with psycopg's pool they would wait for each other's attempts.
"""

from __future__ import annotations

import select
from collections import deque
from contextlib import suppress
from typing import Any, ClassVar

from django.conf import settings
from django.db import connections
from django.db.backends.postgresql import base
from psycopg import Connection, IsolationLevel, OperationalError
from psycopg.pq import ExecStatus, TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    keeps: ClassVar[bool] = False
    kept: ClassVar[deque[Connection[Any]]] = deque()  # as many as were ever at work at a time

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        if found := self._kept_one():
            self.isolation_level = IsolationLevel.READ_COMMITTED  # as Django's own
            return found
        return super().get_new_connection(conn_params)

    def _kept_one(self) -> Connection[Any] | None:
        with suppress(IndexError):
            found = self.kept.pop()
            if answers(found):
                return found
            found.close()
            while True:  # what has broken one has broken all
                self.kept.pop().close()
        return None

    def _close(self) -> None:
        if self.keeps and not self.in_atomic_block and is_idle(self.connection):
            self.kept.append(self.connection)
        else:
            super()._close()  # type: ignore[misc]  # unknown to the stubs


def is_idle(connection: Connection[Any]) -> bool:
    return not connection.closed and connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE


def answers(connection: Connection[Any]) -> bool:
    """Soon: PostgreSQL may have been restarted meanwhile, or be paused."""
    libpq, waiting = connection.pgconn, select.poll()
    try:
        libpq.send_query(b"")
        waiting.register(libpq.socket, select.POLLIN)
        if not waiting.poll(settings.STORE_TIMEOUT_S * 1000):
            return False
        libpq.consume_input()
        return [result.status for result in iter(libpq.get_result, None)] == [ExecStatus.EMPTY_QUERY]
    except OperationalError:
        return False


def keep() -> None:
    """In this process, before the first is made. Elsewhere each thread that asks has one of its own, for good."""
    connections.settings["default"]["CONN_MAX_AGE"] = 0  # each request gives its own back
    DatabaseWrapper.keeps = True
