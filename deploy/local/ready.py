"""Waits until stores and servers answer, or says which one does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg
import pymongo
import redis
from psycopg import sql

from deploy.local.instance import SetupError

PATIENCE_S = 90
CRASHES_S = 5  # a program that still ends at once after so long will not get better
PAUSE_S = 0.05
WORKERS = ("encoder", "jobs")
LIVING_WORKERS = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '2 seconds'"


class NotReady(Exception):
    """It answers, but not yet as it should."""


NOT_YET = (NotReady, OSError, psycopg.OperationalError, redis.RedisError, pymongo.errors.PyMongoError)


def wait_for(name: str, answers: Callable[[], object], log: Path, crashes: Callable[[], bool] = lambda: False) -> None:
    started = time.monotonic()
    while True:
        try:
            answers()
            return
        except NOT_YET as error:
            waited = time.monotonic() - started
            if waited > PATIENCE_S or (waited > CRASHES_S and crashes()):
                words = " ".join(str(error).split())
                raise SetupError(f"{name} does not answer ({words}). If it runs here, see {log}.") from error
            time.sleep(PAUSE_S)


class Readiness:
    """CRASHES says whether the program of that name keeps ending at once."""

    def __init__(self, env: Mapping[str, str], logs: Path, crashes: Callable[[str], bool]) -> None:
        self.env, self.logs, self.crashes = env, logs, crashes

    def wait_for(self, program: str, answers: Callable[[], object]) -> None:
        wait_for(program, answers, self.logs / f"{program}.log", partial(self.crashes, program))

    def wait_for_stores(self, make_database: bool) -> None:
        answers = ensure_database if make_database else see_database
        self.wait_for("postgres", partial(answers, self.env["DATABASE_URL"]))
        for name in ("segments", "control"):
            self.wait_for(f"redis-{name}", redis.Redis.from_url(self.env[f"{name.upper()}_REDIS_URL"], socket_timeout=2).ping)
        client: pymongo.MongoClient[dict[str, object]]
        with pymongo.MongoClient(self.env["MONGODB_URI"], serverSelectionTimeoutMS=1000) as client:
            self.wait_for("mongo", partial(client.admin.command, "ping"))

    def wait_for_services(self, programs: list[str]) -> None:
        pages = {
            "nginx-rtmp": f"{self.env['RTMP_CONTROL_URL']}/stat",
            "web": f"http://{self.env['WEB_LISTEN']}/healthz",
            "origin": f"http://{self.env['ORIGIN_LISTEN']}/healthz",
            "chat": f"http://{self.env['CHAT_LISTEN']}/healthz",
            "varnish": f"http://127.0.0.1:{self.env['EDGE_LISTEN'].rpartition(':')[2]}/healthz",
        }
        for name, page in pages.items():
            if name in programs:
                self.wait_for(name, partial(open_page, page))
        for number, name in enumerate((name for name in WORKERS if name in programs), start=1):
            self.wait_for(name, partial(see_workers, self.env["DATABASE_URL"], number))


def see_database(url: str) -> None:
    psycopg.connect(url, connect_timeout=2).close()


def ensure_database(url: str) -> None:
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url, dbname="postgres", connect_timeout=2, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def see_workers(url: str, expected: int) -> None:
    """Those of this moment: a worker that was killed leaves its row behind."""
    with psycopg.connect(url, connect_timeout=2) as connection:
        row = connection.execute(LIVING_WORKERS).fetchone()
    if row is None or row[0] < expected:
        raise NotReady(f"{row and row[0]} of {expected} workers")


def open_page(url: str) -> None:
    urlopen(url, timeout=2).close()
