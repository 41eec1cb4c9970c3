"""The whole site, as script/server starts it."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.live import Site

UNREADABLE = 'livestream_rtmp_hooks_total{call="unreadable",outcome="bad_event"}'


def test_it_answers_through_the_edge(site: Site) -> None:
    assert httpx.get(f"{site.url}/healthz").text == "ok"


def test_the_web_s_own_port_serves_no_edge_s_secrets(site: Site) -> None:
    assert httpx.get(f"{site.url}/internal/rtmp/{site.env['RTMP_HOOK_SECRET']}/x/").status_code == 404


def test_static_files_come_under_hashed_names_and_are_kept(site: Site) -> None:
    page = httpx.get(f"{site.url}/accounts/login/").text
    paths = re.findall(r'/static/[^"]+\.css', page)
    assert paths
    for path in paths:
        answer = httpx.get(site.url + path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]


def test_the_doctor_finds_everything_well(site: Site) -> None:
    words = site.manage("doctor")
    assert len(re.findall("^ok ", words, re.MULTILINE)) == 8
    assert site.env["STORES_PASSWORD"] not in words


def test_the_doctor_names_what_is_missing_and_keeps_passwords_to_itself(site: Site) -> None:
    result = site.try_manage(
        "doctor",
        DATABASE_URL="postgres://alice:carol-s-secret@127.0.0.1:1/livestream",
        CONTROL_REDIS_URL="redis://:carol-s-secret@127.0.0.1:1/0",
        FFMPEG="/nowhere/ffmpeg",
    )
    assert result.returncode == 1
    assert len(re.findall("^FAIL ", result.stdout, re.MULTILINE)) == 3
    assert "FAIL  ffmpeg: `/nowhere/ffmpeg` was not found: install it, or set FFMPEG" in result.stdout
    assert "3 of 8 failed: PostgreSQL, Redis (control), ffmpeg" in result.stderr
    assert "Traceback" not in result.stderr
    assert "carol-s-secret" not in result.stdout + result.stderr


def test_init_can_be_repeated(site: Site) -> None:
    assert "Traceback" not in site.manage("init")


@pytest.mark.parametrize("pool", ["web", "origin", "chat"])
def test_every_worker_of_a_pool_tells_the_sum_of_all(site: Site, pool: str) -> None:
    address = f"http://{site.env[f'{pool.upper()}_LISTEN']}"
    hook = f"{address}/internal/rtmp/{site.env['RTMP_HOOK_SECRET']}/b00t/"
    before = figure(address, UNREADABLE)
    for _ in range(8):  # each by a connection of its own: whichever worker takes it
        assert httpx.post(hook, content=b"call=nothing").status_code == 403
    assert {figure(address, UNREADABLE) - before for _ in range(8)} == {8}
    assert httpx.get(f"{site.url}/internal/metrics").status_code == 404


@pytest.mark.parametrize("worker", ["encoder", "jobs"])
def test_workers_tell_theirs_at_a_port_of_this_machine(site: Site, worker: str) -> None:
    page = httpx.get(f"http://{site.env[f'{worker.upper()}_METRICS_LISTEN']}/metrics").text
    assert "livestream_encoded_media_seconds" in page and "process_resident_memory_bytes" in page


def test_the_edge_tells_what_varnish_counts(site: Site) -> None:
    page = httpx.get(f"http://{site.env['EDGE_METRICS_LISTEN']}/metrics").text
    assert "livestream_edge_up 1.0" in page and 'livestream_edge_requests_total{answer="hit"}' in page


def figure(address: str, sample: str) -> float:
    page = httpx.get(f"{address}/internal/metrics").text
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(sample))


@pytest.mark.parametrize("pool", ["web", "origin", "chat"])
def test_every_pool_says_whether_it_is_ready(site: Site, pool: str) -> None:
    answer = httpx.get(f"http://{site.env[f'{pool.upper()}_LISTEN']}/readyz")
    assert answer.status_code == 200 and answer.json()["state"] == "ready"
