"""What each process of the running site tells Prometheus while somebody streams, watches and chats."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.e2e.chatter import chatting
from tests.e2e.playlists import Stream
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.live import Site

ENCODED = 'livestream_encoded_media_seconds_total{rendition="source"}'
LATENCY = 'livestream_part_latency_seconds_count{rendition="source"}'
LEASE_AGE = 'livestream_lease_age_seconds{rendition="source"}'
WAITING = "livestream_requests_waiting"
DELIVERED = "livestream_chat_deliveries_total"
MEASURED_S = 4.0
PUBLISHED_S = 6  # chat's counters every five seconds


def told(site: Site, listen: str, path: str = "/internal/metrics") -> dict[str, float]:
    page = httpx.get(f"http://{site.env[f'{listen}_LISTEN']}{path}", timeout=10).raise_for_status().text
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_encoders_leases_and_the_rtmp_server_are_seen_at_work(site: Site, alice: Streamer) -> None:
    def look() -> tuple[float, dict[str, float]]:
        return time.monotonic(), told(site, "ENCODER_METRICS", "/metrics") | told(site, "WEB", "/internal/metrics/site")

    with alice.on_air():
        began, before = look()
        time.sleep(MEASURED_S)
        ended, after = look()
    speed = (after[ENCODED] - before[ENCODED]) / (ended - began)
    assert 0.6 < speed < 1.4  # parts come whole
    assert after[LATENCY] > before[LATENCY]
    assert 'livestream_encodes{rendition="source"}' in after
    assert 0 <= after[LEASE_AGE] < 3
    assert after["livestream_rtmp_up"] == 1 and after["livestream_rtmp_publishers"] >= 1
    assert after["livestream_rtmp_readers"] > after["livestream_rtmp_publishers"]
    for name in ("received_bytes_total", "sent_bytes_total"):
        assert after[f"livestream_rtmp_{name}"] > before[f"livestream_rtmp_{name}"]


def test_a_request_that_is_held_is_seen_waiting(site: Site, alice: Streamer) -> None:
    with httpx.Client(timeout=20) as client, alice.on_air(), ThreadPoolExecutor(1) as pool:
        stream = Stream(alice, client)
        last = stream.with_segments("360p", 1).segments[-1].msn
        asking = pool.submit(stream.ask, "360p", f"_HLS_msn={last + 2}")
        until(lambda: told(site, "ORIGIN")[WAITING] >= 1, 3)
        assert asking.result().status_code == 200
        until(lambda: told(site, "ORIGIN")[WAITING] == 0, 15)  # nobody waits for its page either


def test_frames_of_a_chat_are_seen_delivered(site: Site, alice: Streamer) -> None:
    before = told(site, "CHAT")[DELIVERED]
    with chatting(site, alice.name, alice) as owner, chatting(site, alice.name) as guest:
        owner.hello()
        guest.hello()
        owner.say("hello")
        guest.next("msg")
        until(lambda: told(site, "CHAT")[DELIVERED] >= before + 2, PUBLISHED_S)
        assert told(site, "CHAT")["livestream_chat_sessions"] >= 2


def test_queues_and_refused_writes_are_told_by_who_sees_them(site: Site) -> None:
    assert told(site, "WEB", "/internal/metrics/site")["livestream_chat_archive_waiting"] >= 0
    assert "livestream_stale_writes_refused" in httpx.get(f"http://{site.env['ENCODER_METRICS_LISTEN']}/metrics").text
