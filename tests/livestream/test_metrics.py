from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from procrastinate.contrib.django import app
from prometheus_client import REGISTRY
from pytest_django import Settings

from accounts.models import Channel
from interactions.metrics import Tally
from streams import leases, metrics
from tests.broadcasts import broadcast_of
from tests.pages import text

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
    assert "livestream_chat_archive_waiting " in page
    assert 'livestream_store_up{store="mongodb"} 1.0' in page
    assert on.pk not in page and channel.name not in page


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
