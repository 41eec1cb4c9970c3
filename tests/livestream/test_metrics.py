from __future__ import annotations

import datetime as dt
import socket
import time

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client
from procrastinate.contrib.django import app
from prometheus_client import REGISTRY
from pytest_django import Settings

from accounts.models import Channel
from interactions.metrics import Tally
from streams import leases, metrics
from streams.models import EncodeLease
from streams.rtmp import Stream
from tests.broadcasts import broadcast_of
from tests.pages import text
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["rtmp_server"]

pytestmark = pytest.mark.django_db

LABELS = {"rendition", "outcome", "call", "limit"}


def test_a_pool_tells_what_it_has_counted(client: Client) -> None:
    before = REGISTRY.get_sample_value("livestream_rtmp_hooks_total", {"call": "publish", "outcome": "accepted"}) or 0
    metrics.hooks.labels("publish", "accepted").inc()
    page = text(client.get("/internal/metrics"))
    assert f'livestream_rtmp_hooks_total{{call="publish",outcome="accepted"}} {before + 1}' in page


@pytest.mark.parametrize("address", ["/internal/metrics", "/internal/metrics/site"])
@pytest.mark.usefixtures("plain_static", "own_cache")
def test_nobody_outside_is_told(client: Client, address: str) -> None:
    assert client.get(address, headers={"X-Edge": "1"}).status_code == 404


def test_no_label_has_more_values_than_a_handful() -> None:
    ours = [family for family in REGISTRY.collect() if family.name.startswith("livestream_")]
    assert len(ours) > 8
    for name in (
        metrics.hooks,
        metrics.part_latency,
        metrics.media,
        metrics.encodes,
        metrics.sheds,
        metrics.returns,
        metrics.stale_writes,
        metrics.turned_away,
    ):
        assert set(name._labelnames) <= LABELS


def test_the_site_tells_of_its_queues_and_leases(client: Client, channel: Channel) -> None:
    on = broadcast_of(channel, "live", ladder=["source", "audio"])
    leases.claim(on.pk, "source", "worker")
    with transaction.atomic():
        app.configure_task("record", queue="jobs").defer(broadcast_id=on.pk)
    page = text(client.get("/internal/metrics/site"))
    assert 'livestream_jobs_waiting{queue="jobs"}' in page
    assert 'livestream_broadcasts{state="live"} 1.0' in page
    assert 'livestream_leases{rendition="source"} 1.0' in page
    assert 'livestream_lease_failures{rendition="source"} 0.0' in page
    assert 0 <= figure(page, 'livestream_lease_age_seconds{rendition="source"}') < leases.TTL_S
    assert "livestream_chat_archive_waiting " in page
    assert 'livestream_store_up{store="mongodb"} 1.0' in page
    assert on.pk not in page and channel.name not in page


def figure(page: str, sample: str) -> float:
    [line] = [line for line in page.splitlines() if line.startswith(f"{sample} ")]
    return float(line.rpartition(" ")[2])


def test_a_lease_that_nobody_renews_grows_old(client: Client, channel: Channel) -> None:
    on = broadcast_of(channel, "live", ladder=["source"])
    leases.claim(on.pk, "source", "worker")
    EncodeLease.objects.update(expires_at=Now() - dt.timedelta(seconds=20))
    page = text(client.get("/internal/metrics/site"))
    age_s = figure(page, 'livestream_lease_age_seconds{rendition="source"}')
    assert 20 <= age_s - leases.TTL_S < 25


def test_the_site_tells_what_the_rtmp_server_has_counted(client: Client, rtmp_server: RtmpServer) -> None:
    rtmp_server.streams = {"one": Stream("7", 5, "H264"), "two": Stream(None, 3)}
    page = text(client.get("/internal/metrics/site"))
    assert figure(page, "livestream_rtmp_up") == 1
    assert figure(page, "livestream_rtmp_publishers") == 1 and figure(page, "livestream_rtmp_readers") == 8
    assert figure(page, "livestream_rtmp_uptime_seconds") == rtmp_server.UPTIME_S
    assert figure(page, "livestream_rtmp_connections_total") == rtmp_server.ACCEPTED
    assert figure(page, "livestream_rtmp_received_bytes_total") == rtmp_server.BYTES_IN
    assert figure(page, "livestream_rtmp_sent_bytes_total") == rtmp_server.BYTES_OUT


def test_an_rtmp_server_that_is_away_is_a_figure_too(client: Client, rtmp_server: RtmpServer) -> None:
    rtmp_server.working = False
    page = text(client.get("/internal/metrics/site"))
    assert figure(page, "livestream_rtmp_up") == 0 and "livestream_rtmp_publishers" not in page
    assert figure(page, "livestream_chat_archive_waiting") >= 0


def test_what_hangs_holds_up_nobody_who_asks(client: Client, settings: Settings) -> None:
    """Each source is given up after its time; the others are told."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        nowhere = f"127.0.0.1:{silent.getsockname()[1]}"
        settings.RTMP_CONTROL_URL = f"http://{nowhere}"
        settings.CONTROL_REDIS_URL = settings.SEGMENTS_REDIS_URL = f"redis://{nowhere}/0"
        began = time.monotonic()
        page = text(client.get("/internal/metrics/site"))
    assert time.monotonic() - began < 5
    assert figure(page, "livestream_rtmp_up") == figure(page, 'livestream_store_up{store="redis_control"}') == 0
    assert figure(page, 'livestream_store_up{store="postgresql"}') == 1


def test_a_store_that_is_away_is_a_figure_too(client: Client, settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0"
    page = text(client.get("/internal/metrics/site"))
    assert 'livestream_store_up{store="redis_control"} 0.0' in page
    assert "livestream_chat_archive_waiting" not in page


def test_what_is_counted_while_frames_are_handed_over_is_published_once() -> None:
    before = REGISTRY.get_sample_value("livestream_chat_deliveries_total") or 0
    tally = Tally()
    tally.delivered += 3
    tally.publish()
    tally.publish()
    assert REGISTRY.get_sample_value("livestream_chat_deliveries_total") == before + 3
