"""Publishers that must not come in: over RTMP, with ffmpeg, to the running site."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.streamer import Streamer
from tests.live import Site

AT_ONCE_S = 8  # ffmpeg's own start included, on a busy machine


def refused(alice: Streamer, name: str) -> None:
    """Nothing is created by the attempt."""
    with alice.publish(name) as publisher:
        publisher.end(AT_ONCE_S)
        assert publisher.process.returncode != 0
    assert alice.live is None


def test_an_unknown_key_is_refused(alice: Streamer) -> None:
    refused(alice, "live_00000000_" + "0" * 40)
    assert "refused" not in alice.dashboard()  # whose key it should have been cannot be told


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_a_key_that_is_no_longer_good_is_refused_and_the_streamer_sees_why(alice: Streamer, state: str) -> None:
    refused(alice, alice.another_key(state))
    assert f"The last attempt was refused: {state} stream key." in alice.dashboard()
    assert "From 127.0.0.1" in alice.dashboard()


@pytest.mark.parametrize("form", ["{key}.", "{key}%00", "{key}/x", "clé{key}", "../{key}", "%2e%2e%2f{key}", "{key}'\""])
def test_a_name_that_is_no_key_is_refused_even_around_a_good_one(alice: Streamer, form: str) -> None:
    refused(alice, form.format(key=alice.key))


def test_a_name_that_is_longer_than_any_key_is_refused(alice: Streamer) -> None:
    refused(alice, alice.key + "0" * (129 - len(alice.key)))
    refused(alice, "k" * 5000)


def test_a_second_name_among_the_arguments_is_refused(alice: Streamer, mallory: Streamer) -> None:
    refused(alice, f"unknown?name={alice.key}")
    refused(alice, f"{mallory.key}?name={alice.key}&addr=6.6.6.6&call=publish&clientid=1")
    assert mallory.live is None


def test_a_second_publisher_is_refused_and_leaves_the_first_alone(alice: Streamer) -> None:
    with alice.on_air() as first:
        live = alice.live
        with alice.publish() as second:
            second.end(AT_ONCE_S)
            assert second.process.returncode != 0
        assert "Another attempt was refused: already live." in alice.dashboard()
        with alice.publish(alice.another_key()) as third:
            third.end(AT_ONCE_S)
        assert first.runs
        assert alice.live == live
    alice.wait_until_over()


def hook(site: Site, base: str, secret: str, **headers: str) -> int:
    form = {"app": "live", "addr": "127.0.0.1", "clientid": "1", "call": "publish", "name": "x"}
    return httpx.post(f"{base}/internal/rtmp/{secret}/mallory/", data=form, headers=headers).status_code


def test_nobody_but_the_rtmp_server_finds_the_hook(site: Site) -> None:
    web, secret = f"http://{site.env['WEB_LISTEN']}", site.env["RTMP_HOOK_SECRET"]
    assert hook(site, web, secret) == 403  # it would ask so: found, and refused
    assert hook(site, site.url, secret) == 404
    assert hook(site, site.url, "guess") == 404
    assert hook(site, web, "guess") == 404
    assert hook(site, web, secret[:-1]) == 404
    assert hook(site, web, secret, **{"X-Edge": "1"}) == 404
