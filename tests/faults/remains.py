"""What a site holds while nothing is live: memory, descriptors, processes, rows, keys and files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymongo
import redis
from psycopg import sql

from benchmarks.processes import Programs, argv, tree
from deploy.local.instance import Instance
from tests.e2e.processes import below, of_the_edge, parent, read
from tests.live import Site

STORES = {"postgres", "mongo", "redis-segments"}  # what they hold is counted in rows, documents and keys
OWN_FILES = {"postgres", "devmongo", "mongod", "redis-segments", "redis-control", "log"}
QUEUE = "procrastinate_"  # its periodic jobs come and go
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
POSTERS = "SELECT poster FROM streams_broadcast WHERE poster <> ''"
JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE task_name NOT IN (SELECT task_name FROM procrastinate_periodic_defers)"
OPEN = "SELECT count(*) FROM streams_broadcast WHERE ended_at IS NULL"


@dataclass(frozen=True)
class Remains:
    memory_kb: Counter[str]  # of each program's own: what its processes share is not counted
    descriptors: Counter[str]
    threads: Counter[str]
    rows: Counter[str]  # and documents
    keys: set[str]  # that never expire
    files: set[str]  # but posters, logs and what the stores write

    @classmethod
    def of(cls, site: Site) -> Remains:
        programs = {name: tree(pid) for name, pid in Programs(site).pids.items() if name not in STORES}
        memory_kb = Counter({name: sum(map(own_kb, pids)) for name, pids in programs.items()})
        memory_kb["varnish"] -= of_the_edge(site, "SMA.s0.g_bytes") // 1024  # its cache has a bound, and forgets by itself
        return cls(
            memory_kb,
            Counter({name: sum(entries(pid, "fd") for pid in pids) for name, pids in programs.items()}),
            Counter({name: sum(entries(pid, "task") for pid in pids) for name, pids in programs.items()}),
            Counter(dict(rows(site)) | dict(documents(site))),
            set(keys_without_end(site)),
            set(files(site)),
        )

    def more(self, before: Remains, what: str) -> Counter[str]:
        """MEMORY_KB, descriptors, threads or rows: how many more than before."""
        counts: Counter[str] = getattr(self, what)
        return counts - getattr(before, what)


def own_kb(pid: int) -> int:
    return sum(int(size) for size in re.findall(r"Private_\w+: +(\d+) kB", read(Path(f"/proc/{pid}/smaps_rollup"))))


def entries(pid: int, folder: str) -> int:
    try:
        return len([*Path(f"/proc/{pid}/{folder}").iterdir()])
    except FileNotFoundError:  # it has ended
        return 0


def is_quiet(site: Site) -> bool:
    """Nothing is live, all that was to be done about it has been, and nobody listens for more."""
    with psycopg.connect(site.env["DATABASE_URL"]) as connection, segments(site) as store:
        waiting = sum(row[0] for query in (JOBS, OPEN) for row in connection.execute(query).fetchall())
        return not waiting and not store.pubsub_channels("hls:*")


# --- stores ---------------------------------------------------------------------------------------------------------------


def rows(site: Site) -> Iterator[tuple[str, int]]:
    with psycopg.connect(site.env["DATABASE_URL"]) as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            if not table.startswith(QUEUE):
                [(count,)] = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchall()
                yield table, count


def documents(site: Site) -> Iterator[tuple[str, int]]:
    with pymongo.MongoClient[dict[str, object]](site.env["MONGODB_URI"]) as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            yield name, database[name].count_documents({})


def segments(site: Site) -> redis.Redis:
    return redis.Redis.from_url(site.env["SEGMENTS_REDIS_URL"], decode_responses=True)


def keys_without_end(site: Site) -> Iterator[str]:
    for name in ("SEGMENTS", "CONTROL"):
        with redis.Redis.from_url(site.env[f"{name}_REDIS_URL"], decode_responses=True) as store:
            yield from (key for key in store.scan_iter(count=1000) if store.ttl(key) == -1)


# --- processes and files --------------------------------------------------------------------------------------------------


def strays(site: Site) -> list[str]:
    """Processes that nobody has asked how they ended, that belong to no program, or that still read a publisher's stream."""
    supervisor = int(read(site.folder / "supervisord.pid"))
    started, programs = tree(supervisor), Programs(site).pids.values()
    everybody = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    readers = [pid for pid in everybody if any(site.env["RTMP_URL"] in argument for argument in argv(pid))]
    lost = [pid for pid in below(parent(supervisor)) if is_zombie(pid) or pid not in started]
    lost += [pid for pid in started if parent(pid) == supervisor and pid not in programs]
    return [f"{read(Path(f'/proc/{pid}/stat'))} {argv(pid)}" for pid in {*readers, *lost}]


def is_zombie(pid: int) -> bool:
    return read(Path(f"/proc/{pid}/stat")).rpartition(") ")[2].startswith("Z")


def files(site: Site) -> Iterator[str]:
    with psycopg.connect(site.env["DATABASE_URL"]) as connection:
        posters = {poster for (poster,) in connection.execute(POSTERS).fetchall()}
    for folder in {site.folder, Instance(site.folder, public=False).data}:
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            if path.is_file() and not OWN_FILES & {*name.parts} and str(name).removeprefix("media/") not in posters:
                yield str(name)
