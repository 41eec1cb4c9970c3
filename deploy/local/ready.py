"""Waits until stores and servers answer, or says which one did not."""

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

PATIENCE_S = 40
PAUSE_S = 0.05
WORKERS = ("encoder", "jobs")
LIVING_WORKERS = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '2 seconds'"


class NotReady(Exception):
    """It answers, but not yet as it should."""


NOT_YET = (NotReady, OSError, psycopg.OperationalError, redis.RedisError, pymongo.errors.PyMongoError)


def wait_for(name: str, answers: Callable[[], object], hint: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            answers()
            return
        except NOT_YET as error:
            if time.monotonic() > deadline:
                raise SetupError(f"{name} does not answer ({error}): {hint}") from error
            time.sleep(PAUSE_S)


def wait_for_stores(env: Mapping[str, str], logs: Path, embedded: bool) -> None:
    if embedded:
        wait_for("PostgreSQL", lambda: make_database(env["DATABASE_URL"]), f"see {logs}/postgres.log.")
    wait_for("PostgreSQL", lambda: psycopg.connect(env["DATABASE_URL"], connect_timeout=2).close(), "look at DATABASE_URL.")
    for name in ("segments", "control"):
        url = env[f"{name.upper()}_REDIS_URL"]
        wait_for(f"Redis ({name})", redis.Redis.from_url(url, socket_timeout=2).ping, f"see {logs}/redis-{name}.log.")
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(env["MONGODB_URI"], serverSelectionTimeoutMS=1000)
    with client:
        wait_for("MongoDB", lambda: client.admin.command("ping"), f"see {logs}/mongo.log.")


def make_database(url: str) -> None:
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url, dbname="postgres", connect_timeout=2, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def wait_for_services(env: Mapping[str, str], logs: Path, names: list[str]) -> None:
    pages = {
        "nginx-rtmp": f"{env['RTMP_CONTROL_URL']}/stat",
        "web": f"http://{env['WEB_LISTEN']}/healthz",
        "origin": f"http://{env['ORIGIN_LISTEN']}/healthz",
        "varnish": f"http://127.0.0.1:{env['EDGE_LISTEN'].rpartition(':')[2]}/healthz",
    }
    for name, page in pages.items():
        if name in names:
            wait_for(name, partial(open_page, page), f"see {logs}/{name}.log.")
    if workers := sum(name in WORKERS for name in names):
        wait_for("encoder or jobs", partial(see_workers, env["DATABASE_URL"], workers), f"see {logs}/encoder.log and jobs.log.")


def see_workers(url: str, expected: int) -> None:
    """Those of this moment: a worker that was killed leaves its row behind."""
    with psycopg.connect(url, connect_timeout=2) as connection:
        row = connection.execute(LIVING_WORKERS).fetchone()
    if row is None or row[0] < expected:
        raise NotReady(f"{row and row[0]} of {expected} workers")


def open_page(url: str) -> None:
    urlopen(url, timeout=2).close()
