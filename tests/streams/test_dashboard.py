from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Channel, User
from streams.documents import StreamKey, key_hash
from streams.models import Broadcast, Refusal
from tests.broadcasts import broadcast_of
from tests.pages import FRAGMENT, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
MINUTE = dt.timedelta(minutes=1)
KEY = re.compile(r"live_[0-9a-f]{8}_[0-9a-f]{40}")


@pytest.fixture
def streamer(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def make_key(client: Client, headers: dict[str, str] | None = None, **form: str) -> str:
    """Returns the page that came back."""
    response = client.post("/dashboard/keys/", form, headers=headers)
    assert response.status_code == 200
    return text(response)


def key_in(page: str) -> str:
    found = KEY.search(page)
    assert found
    return found[0]


def refuse(channel: Channel, reason: str, at: dt.datetime) -> None:
    Refusal.objects.create(channel=channel, reason=reason, addr="203.0.113.9", at=at)


# --- who may see it -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/dashboard/", "/dashboard/live/", "/dashboard/keys/", "/dashboard/keys/00000000/revoke/"])
def test_it_is_closed_to_who_is_not_logged_in(client: Client, channel: Channel, address: str) -> None:
    assert client.get(address)["Location"].startswith("/accounts/login/?next=")
    assert client.post(address)["Location"].startswith("/accounts/login/?next=")
    assert StreamKey.of_channel(channel.pk) == []


def test_a_script_whose_login_is_over_reloads_the_whole_page(client: Client) -> None:
    response = client.get("/dashboard/live/", headers=FRAGMENT)
    assert response["HX-Refresh"] == "true" and response.content == b""


def test_it_stays_out_of_caches(streamer: Client) -> None:
    assert streamer.get("/dashboard/")["Cache-Control"] == "private, no-store"
    assert streamer.post("/dashboard/keys/")["Cache-Control"] == "private, no-store"


# --- live state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Broadcast.State.PUBLISHING, "Your encoder has connected"),
        (Broadcast.State.LIVE, "You are live"),
        (Broadcast.State.RECONNECTING, "Your encoder is back"),
        (Broadcast.State.ENDED, "You are not live"),
    ],
)
def test_every_state_has_words(streamer: Client, channel: Channel, state: str, words: str) -> None:
    broadcast_of(channel, state)
    assert words in text(streamer.get("/dashboard/"))


def test_it_says_until_when_the_encoder_is_waited_for_and_what_to_do(streamer: Client, channel: Channel) -> None:
    until = dt.datetime(2026, 1, 1, 12, 34, 56, tzinfo=dt.UTC)
    broadcast_of(channel, Broadcast.State.RECONNECTING, connected_at=None, reconnect_until=until, end_reason="lost")
    page = text(streamer.get("/dashboard/"))
    assert "Your encoder is gone" in page and "12:34:56 UTC" in page and "Start your encoder again" in page
    assert "End now" in page and "The last broadcast ended" not in page


def test_it_says_how_the_last_broadcast_ended(streamer: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.REFUSED, end_reason="codec", ended_at=timezone.now())
    page = text(streamer.get("/dashboard/"))
    assert "The last broadcast ended: video is not H.264." in page
    assert "Choose H.264" in page


def test_it_gives_advice_while_live(streamer: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.LIVE, advice=["long_gop"])
    assert "Set the keyframe interval to 2 s" in text(streamer.get("/dashboard/"))


def test_it_says_why_the_last_attempt_was_refused(streamer: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.ENDED, end_reason="stopped", ended_at=timezone.now() - MINUTE)
    refuse(channel, "expired_key", timezone.now())
    page = text(streamer.get("/dashboard/"))
    assert "The last attempt was refused: expired stream key." in page
    assert "203.0.113.9" in page


def test_a_refusal_is_forgotten_once_a_later_broadcast_began(streamer: Client, channel: Channel) -> None:
    refuse(channel, "expired_key", timezone.now() - MINUTE)
    broadcast_of(channel, Broadcast.State.LIVE, started_at=timezone.now())
    assert "was refused" not in text(streamer.get("/dashboard/"))


def test_another_attempt_that_is_refused_while_live_is_told(streamer: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.LIVE, started_at=timezone.now() - MINUTE)
    refuse(channel, "already_live", timezone.now())
    assert "Another attempt was refused: already live." in text(streamer.get("/dashboard/"))


def test_somebody_elses_broadcast_is_not_shown(streamer: Client, bob: User) -> None:
    broadcast_of(bob.channel, Broadcast.State.LIVE)
    refuse(bob.channel, "expired_key", timezone.now())
    page = text(streamer.get("/dashboard/"))
    assert "You are not live" in page and "was refused" not in page


def test_the_live_box_is_sent_again_only_when_it_says_something_else(streamer: Client, channel: Channel) -> None:
    def ask(seen: str) -> tuple[int, str]:
        response = streamer.get("/dashboard/live/", {"seen": seen}, headers=FRAGMENT)
        found = re.search(r'{"seen": "(.*?)"}', text(response))
        return response.status_code, found[1] if found else seen

    status, seen = ask("")
    assert status == 200 and ask(seen) == (204, seen)
    broadcast = broadcast_of(channel, Broadcast.State.PUBLISHING)
    changes: list[dict[str, object]] = [
        {},
        {"state": Broadcast.State.LIVE},
        {"advice": ["long_gop"]},
        {"advice": ["no_audio"]},
        {"state": Broadcast.State.ENDED, "end_reason": "stopped", "ended_at": timezone.now()},
    ]
    for change in changes:
        Broadcast.objects.filter(pk=broadcast.pk).update(**{"epoch": 1, **change})
        status, new = ask(seen)
        assert status == 200 and new != seen and ask(new) == (204, new)
        seen = new
    refuse(channel, "revoked_key", timezone.now() + MINUTE)
    assert ask(seen)[0] == 200


# --- stream keys ----------------------------------------------------------------------------------------------------------


def test_it_shows_where_to_stream_to(streamer: Client, settings: Settings) -> None:
    settings.RTMP_PUBLIC_URL = "rtmp://ingest.example.org/live"
    assert 'value="rtmp://ingest.example.org/live"' in text(streamer.get("/dashboard/keys/"))


def test_a_new_key_comes_with_everything_to_copy(streamer: Client, settings: Settings) -> None:
    settings.RTMP_PUBLIC_URL = "rtmp://ingest.example.org/live"
    page = make_key(streamer)
    key = key_in(page)
    assert f'value="{key}"' in page
    assert f'value="rtmp://ingest.example.org/live/{key}"' in page
    assert f"-f flv &#x27;rtmp://ingest.example.org/live/{key}&#x27;" in page


def test_a_new_key_is_shown_this_once(streamer: Client, alice: User, carol: User) -> None:
    secret = key_in(make_key(streamer, label="OBS")).rsplit("_", 1)[1]
    admin = Client()
    admin.force_login(carol)
    later = [
        streamer.get(address)
        for address in ("/dashboard/", "/dashboard/keys/", "/dashboard/live/", "/@alice/", "/", "/api/v1/channels/alice/")
    ]
    later += [streamer.post("/dashboard/keys/"), admin.get(f"/admin/accounts/channel/{alice.channel.pk}/change/")]
    assert [response.status_code for response in later] == [200] * len(later)
    assert not any(secret in text(response) for response in later)
    assert not any(secret in str(session.get_decoded()) for session in Session.objects.all())


def test_only_the_hash_of_a_key_is_stored(streamer: Client, channel: Channel) -> None:
    text_of_key = key_in(make_key(streamer, label="OBS"))
    assert [key.hash for key in StreamKey.of_channel(channel.pk)] == [key_hash(text_of_key)]


def test_a_script_gets_the_keys_alone(streamer: Client) -> None:
    page = make_key(streamer, headers=FRAGMENT)
    assert key_in(page) and "<html" not in page


@pytest.mark.parametrize(("choice", "lifetime"), [("24h", 1), ("7d", 7), ("30d", 30), ("", None)])
def test_a_key_expires_when_its_owner_chose(streamer: Client, channel: Channel, choice: str, lifetime: int | None) -> None:
    make_key(streamer, label="Phone", expires=choice)
    key = StreamKey.of_channel(channel.pk)[0]
    expected = key.created_at + dt.timedelta(days=lifetime) if lifetime else None
    assert (key.label, key.expires_at) == ("Phone", expected)


@pytest.mark.parametrize("form", [{"expires": "100y"}, {"label": "x" * 61}])
def test_a_form_that_is_not_ours_makes_no_key(streamer: Client, channel: Channel, form: dict[str, str]) -> None:
    response = streamer.post("/dashboard/keys/", form)
    assert response.status_code == 400 and "errorlist" in text(response)
    assert StreamKey.of_channel(channel.pk) == []


def test_each_key_is_listed_with_its_state(streamer: Client, channel: Channel) -> None:
    now = timezone.now()
    StreamKey.issue(channel.pk, now - 9 * MINUTE, "Works")
    StreamKey.issue(channel.pk, now - 2 * MINUTE, "Ran out", expires_at=now - MINUTE)
    StreamKey.issue(channel.pk, now, "Gone")[0].revoke(now)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text(streamer.get("/dashboard/keys/"))))
    assert re.search(r"Works live_.{8}_… Active .*Gone live_.{8}_… Revoked .*Ran out live_.{8}_… Expired ", page)


def test_the_key_of_the_broadcast_that_runs_is_marked(streamer: Client, channel: Channel) -> None:
    key, _ = StreamKey.issue(channel.pk, timezone.now())
    broadcast = broadcast_of(channel, Broadcast.State.LIVE, key_hash=key.hash)
    assert "Publishing now" in text(streamer.get("/dashboard/keys/"))
    Broadcast.objects.filter(pk=broadcast.pk).update(state=Broadcast.State.ENDED)
    assert "Publishing now" not in text(streamer.get("/dashboard/keys/"))


def test_a_key_is_revoked(streamer: Client, channel: Channel) -> None:
    key, _ = StreamKey.issue(channel.pk, timezone.now())
    assert streamer.post(f"/dashboard/keys/{key.public_id}/revoke/")["Location"] == "/dashboard/keys/"
    revoked_at = StreamKey.of_channel(channel.pk)[0].revoked_at
    assert revoked_at is not None
    assert "Revoked" in text(streamer.post(f"/dashboard/keys/{key.public_id}/revoke/", headers=FRAGMENT))
    assert StreamKey.of_channel(channel.pk)[0].revoked_at == revoked_at  # the first time counts


def test_a_look_revokes_nothing(streamer: Client, channel: Channel) -> None:
    key, _ = StreamKey.issue(channel.pk, timezone.now())
    assert streamer.get(f"/dashboard/keys/{key.public_id}/revoke/").status_code == 405
    assert StreamKey.of_channel(channel.pk)[0].revoked_at is None


def test_somebody_elses_key_is_neither_shown_nor_revoked(streamer: Client, bob: User) -> None:
    key, _ = StreamKey.issue(bob.channel.pk, timezone.now(), "Bob's")
    assert key.public_id not in text(streamer.get("/dashboard/keys/"))
    assert streamer.post(f"/dashboard/keys/{key.public_id}/revoke/").status_code == 404
    assert StreamKey.of_channel(bob.channel.pk)[0].revoked_at is None


def test_another_sites_form_makes_no_key(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    response = client.post("/dashboard/keys/")
    assert response.status_code == 403 and "This form is too old" in text(response)
    assert StreamKey.of_channel(alice.channel.pk) == []


@pytest.mark.usefixtures("dead_key_store")
def test_it_says_when_the_key_store_does_not_answer(streamer: Client) -> None:
    assert "Your keys cannot be shown" in text(streamer.get("/dashboard/keys/"))
    assert "The key was not made: the key store did not answer." in make_key(streamer)
    assert "The key was not revoked" in text(streamer.post("/dashboard/keys/00000000/revoke/"))


def test_a_new_key_is_shown_to_a_camera_too(streamer: Client, settings: Settings) -> None:
    settings.RTMP_PUBLIC_URL = "rtmp://ingest.example.org/live"
    page = make_key(streamer)
    code = re.search(r"<svg[^>]*class=\"qr\".*?</svg>", page, re.DOTALL)
    assert code and "style" not in code[0] and "<script" not in code[0]
    assert 'class="qr"' not in text(streamer.get("/dashboard/keys/"))


def test_who_has_no_key_makes_one_on_the_first_page(streamer: Client, channel: Channel) -> None:
    assert "Make a key" in text(streamer.get("/dashboard/"))
    StreamKey.issue(channel.pk, timezone.now())
    page = text(streamer.get("/dashboard/"))
    assert "Make a key" not in page and "Make another one" in page


@pytest.mark.usefixtures("dead_key_store")
def test_the_first_page_does_without_the_key_store(streamer: Client) -> None:
    assert "You are not live" in text(streamer.get("/dashboard/"))
