"""What Prometheus is told: of a pool by each of its workers, of the site by any one process that is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import redis
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from interactions.room_log import ARCHIVE
from livestream import health
from streams import leases, rtmp

JOBS_WAITING = """
SELECT queue_name, count(*) FROM procrastinate_jobs
WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) GROUP BY queue_name
"""
OPEN = "SELECT state, count(*) FROM streams_broadcast WHERE state IN ('publishing', 'live', 'reconnecting') GROUP BY state"


def of_pool(request: HttpRequest) -> HttpResponse:
    """The sum of this pool's workers on this machine."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return answer(request, REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return answer(request, registry)


def of_site(request: HttpRequest) -> HttpResponse:
    """What the stores and the RTMP server say: the same wherever it is asked."""
    registry = CollectorRegistry()
    registry.register(Site())
    return answer(request, registry)


def answer(request: HttpRequest, registry: CollectorRegistry) -> HttpResponse:
    if "X-Edge" in request.headers:
        raise Http404
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Site(Collector):
    """What is away is said by `livestream_store_up` and `livestream_rtmp_up`; what it would tell is left out."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        up = Gauge("livestream_store_up", "Whether a store answers", labels=["store"])
        for store, state in health.look().items():
            up.add_metric([store], state == "ok")
        yield up
        with suppress(DatabaseError):
            yield from database()
        with suppress(redis.RedisError):
            yield archive()
        yield from rtmp_server()


def database() -> list[Metric]:
    jobs = counted("livestream_jobs_waiting", "Jobs that no worker has taken yet", "queue", JOBS_WAITING)
    broadcasts = counted("livestream_broadcasts", "Broadcasts that have not ended", "state", OPEN)
    held = Gauge("livestream_leases", "Renditions of what is on", labels=["rendition"])
    failures = Gauge("livestream_lease_failures", "Encoders in a row that failed, of what is on", labels=["rendition"])
    age = Gauge("livestream_lease_age_seconds", "Since the lease that is silent longest was renewed", labels=["rendition"])
    for rendition, *figures in leases.health():
        for metric, value in zip((held, failures, age), figures, strict=True):
            metric.add_metric([rendition], value)
    return [jobs, broadcasts, held, failures, age]


def counted(name: str, words: str, label: str, query: str) -> Metric:
    metric = Gauge(name, words, labels=[label])
    with connection.cursor() as cursor:
        cursor.execute(query)
        for value, count in cursor.fetchall():
            metric.add_metric([value], count)
    return metric


def archive() -> Metric:
    url = settings.CONTROL_REDIS_URL
    with redis.Redis.from_url(url, socket_connect_timeout=health.TIMEOUT_S, socket_timeout=health.TIMEOUT_S) as client:
        return Gauge("livestream_chat_archive_waiting", "Items that are not in the archive yet", value=client.xlen(ARCHIVE))


def rtmp_server() -> Iterator[Metric]:
    try:
        seen = async_to_sync(ask_rtmp_server)()
    except rtmp.Unreachable:
        yield Gauge("livestream_rtmp_up", "Whether the RTMP server answers", value=0)
        return
    yield Gauge("livestream_rtmp_up", "Whether the RTMP server answers", value=1)
    yield Gauge("livestream_rtmp_uptime_seconds", "Since the RTMP server was started", value=seen.uptime_s)
    yield Counter("livestream_rtmp_connections", "Connections that it accepted", value=seen.accepted)
    yield Counter("livestream_rtmp_received_bytes", "From publishers", value=seen.bytes_in)
    yield Counter("livestream_rtmp_sent_bytes", "To encoders", value=seen.bytes_out)
    yield Gauge("livestream_rtmp_publishers", "Who publishes", value=seen.publishers)
    yield Gauge("livestream_rtmp_readers", "Encoders that read, or wait for a publisher", value=seen.readers)


async def ask_rtmp_server() -> rtmp.Server:
    async with rtmp.client() as client:
        return await rtmp.server(client)
