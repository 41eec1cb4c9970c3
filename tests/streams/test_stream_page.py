from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import Settings
from redis.asyncio import Redis

from accounts.models import Category, Channel, User
from streams import broadcasts
from streams.documents import StreamKey
from streams.models import Broadcast
from streams.segment_cache import with_segments
from tests.broadcasts import broadcast_of
from tests.pages import FRAGMENT, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]

SECOND = {"at_ms": 1_000, "kbit_s": 2400, "fps": 30.0, "gop_s": 2.0, "reorder_ms": 0, "ahead_ms": -70, "era": 0}
SCRIPT = '"><script>alert(1)</script>'


@pytest.fixture
def streamer(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def save(client: Client, **form: Any) -> str:
    return text(client.post("/dashboard/stream/", {"title": "", "latency": "low", "reconnect_s": "90"} | form, follow=True))


def picture(size: tuple[int, int] = (64, 36)) -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return SimpleUploadedFile("x.png", out.getvalue(), "image/png")


# --- what the stream is about ---------------------------------------------------------------------------------------------


def test_the_title_is_changed_and_escaped(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = text(
        client.post("/dashboard/stream/", {"title": "<b>Maps & seas</b>", "latency": "low", "reconnect_s": "90"}, follow=True)
    )
    assert "Saved." in page and "next stream" not in page
    assert "<h1>&lt;b&gt;Maps &amp; seas&lt;/b&gt;</h1>" in text(client.get("/@alice/"))


def test_a_title_that_is_too_long_is_refused_with_words(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = text(client.post("/dashboard/stream/", {"title": "x" * 141, "latency": "low", "reconnect_s": "90"}, follow=True))
    assert "Nothing is changed: Ensure this value has at most 140 characters" in page
    alice.channel.refresh_from_db()
    assert alice.channel.title == ""


def test_the_delay_of_the_next_stream_is_chosen(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = text(client.post("/dashboard/stream/", {"title": "", "latency": "steady", "reconnect_s": "90"}, follow=True))
    assert "The new delay counts from your next stream on." in page
    assert '<option value="steady" selected>' in page


def test_a_delay_that_is_not_offered_is_refused(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "Nothing is changed" in text(
        client.post("/dashboard/stream/", {"latency": "none", "reconnect_s": "90"}, follow=True)
    )
    assert Channel.objects.get().latency == Channel.Latency.LOW


def test_how_long_viewers_wait_is_chosen(streamer: Client, alice: User) -> None:
    assert alice.channel.reconnect_s == 90
    save(streamer, reconnect_s="300")
    alice.channel.refresh_from_db()
    assert alice.channel.reconnect_s == 300
    assert "Nothing is changed" in save(streamer, reconnect_s="7")


def test_only_who_is_logged_in_changes_a_stream(client: Client, alice: User) -> None:
    assert client.post("/dashboard/stream/", {"title": "Mine"})["Location"].startswith("/accounts/login/")
    assert Channel.objects.get().title == ""


def test_all_that_a_channel_says_of_itself_is_saved(streamer: Client, channel: Channel) -> None:
    art = Category.objects.create(name="Art", slug="art")
    said = {"description": " Maps. ", "category": art.pk, "tags": "#Maps, old  Roads,,maps", "language": "pt-BR"}
    assert "Saved." in save(streamer, title="The Silk Road", **said)
    channel.refresh_from_db()
    found = (channel.title, channel.description, channel.category, channel.tags, channel.language)
    assert found == ("The Silk Road", "Maps.", art, ["maps", "old roads"], "pt-BR")
    assert 'value="maps, old roads"' in text(streamer.get("/dashboard/"))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"tags": "a,b,c,d,e,f"}, "Five tags at most"),
        ({"tags": "x" * 26}, "A tag has 25 characters at most"),
        ({"language": "klingon"}, "Select a valid choice"),
        ({"category": "99999"}, "Select a valid choice"),
        ({"description": "x" * 2001}, "at most 2000 characters"),
    ],
)
def test_what_cannot_be_saved_says_why_and_stays_in_the_form(
    streamer: Client, channel: Channel, form: dict[str, str], words: str
) -> None:
    response = streamer.post("/dashboard/stream/", {"title": "Kept in the form", "latency": "low", "reconnect_s": "90"} | form)
    assert response.status_code == 400
    assert words in text(response) and 'value="Kept in the form"' in text(response)
    channel.refresh_from_db()
    assert channel.title == ""


def test_fields_that_are_not_in_the_form_are_not_changed(streamer: Client, channel: Channel) -> None:
    save(streamer, name="mallory", owner="1", suspended_until="", created_at="2000-01-01", links='[{"url": "javascript:1"}]')
    changed = Channel.objects.get(pk=channel.pk)
    assert (changed.name, changed.owner_id, changed.links) == (channel.name, channel.owner_id, [])


def test_what_is_on_follows_its_channel(streamer: Client, channel: Channel) -> None:
    art = Category.objects.create(name="Art", slug="art")
    running = broadcast_of(channel, Broadcast.State.LIVE, title="Before")
    over = broadcast_of(channel, Broadcast.State.ENDED, title="Yesterday")
    save(streamer, title="After", category=art.pk)
    running.refresh_from_db()
    over.refresh_from_db()
    assert (running.title, running.category, over.title) == ("After", art, "Yesterday")


def test_script_in_any_field_is_harmless(streamer: Client, channel: Channel) -> None:
    save(streamer, title=SCRIPT, description=SCRIPT, tags="<b>x</b>")
    streamer.post("/dashboard/schedule/", {"title": SCRIPT, "at": tomorrow()})
    StreamKey.issue(channel.pk, timezone.now(), SCRIPT)
    over = broadcast_of(channel, Broadcast.State.ENDED, title=SCRIPT, ended_at=timezone.now())
    for address in ("/dashboard/", "/dashboard/keys/", "/dashboard/broadcasts/", f"/dashboard/broadcasts/{over.pk}/"):
        page = text(streamer.get(address))
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_a_picture_is_made_anew_and_taken_down(streamer: Client, channel: Channel, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    assert "Saved." in save(streamer, poster=picture())
    channel.refresh_from_db()
    with Image.open(channel.poster.path) as stored:
        assert stored.size == (64, 36) and "x.png" not in channel.poster.path
    assert "Saved." in save(streamer, title="Kept")
    channel.refresh_from_db()
    assert channel.poster
    save(streamer, remove_poster="on")
    channel.refresh_from_db()
    assert not channel.poster


def test_what_is_no_picture_is_refused(streamer: Client, channel: Channel) -> None:
    svg = SimpleUploadedFile("x.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/png")
    assert "Nothing is changed: This file cannot be read as a picture" in save(streamer, poster=svg)
    channel.refresh_from_db()
    assert not channel.poster


# --- schedule -------------------------------------------------------------------------------------------------------------


def tomorrow(hour: int = 20) -> str:
    return f"{timezone.now() + dt.timedelta(days=1):%Y-%m-%d}T{hour}:00"


def test_a_broadcast_is_announced_on_the_streamers_own_clock(streamer: Client, channel: Channel) -> None:
    streamer.post("/dashboard/schedule/", {"title": "Harbours", "at": tomorrow(), "zone": "Asia/Tokyo"})
    (one,) = channel.schedule.all()
    assert (one.title, one.starts_at.hour) == ("Harbours", 11)
    assert "Harbours" in text(streamer.get("/dashboard/"))
    streamer.post(f"/dashboard/schedule/{one.pk}/remove/")
    assert not channel.schedule.exists()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"at": "2020-01-01T20:00"}, "This moment is over"),
        ({"at": "2999-01-01T20:00"}, "more than a year ahead"),
        ({"at": "soon"}, "Enter a valid date/time"),
        ({"at": "", "title": "x"}, "This field is required"),
        ({"at": "tomorrow", "zone": "../../etc/passwd"}, "Enter a valid date/time"),
    ],
)
def test_an_announcement_that_makes_no_sense_says_why(
    streamer: Client, channel: Channel, form: dict[str, str], words: str
) -> None:
    response = streamer.post("/dashboard/schedule/", form)
    assert response.status_code == 400 and words in text(response)
    assert not channel.schedule.exists()


def test_a_zone_that_does_not_exist_is_refused(streamer: Client, channel: Channel) -> None:
    for zone in ("Mars/Olympus", "../../etc/passwd", "/etc/localtime"):
        response = streamer.post("/dashboard/schedule/", {"at": tomorrow(), "zone": zone})
        assert response.status_code == 400 and "The time zone is not known" in text(response)


def test_nobody_announces_without_end(streamer: Client, channel: Channel) -> None:
    for hour in range(20):
        channel.schedule.create(starts_at=timezone.now() + dt.timedelta(hours=hour + 1))
    assert "take one off" in text(streamer.post("/dashboard/schedule/", {"at": tomorrow()}))


def test_somebody_elses_schedule_is_not_changed(streamer: Client, bob: User) -> None:
    one = bob.channel.schedule.create(starts_at=timezone.now() + dt.timedelta(hours=1))
    assert streamer.post(f"/dashboard/schedule/{one.pk}/remove/").status_code == 404
    assert bob.channel.schedule.exists()


# --- live -----------------------------------------------------------------------------------------------------------------


def live(channel: Channel) -> Broadcast:
    key, _ = StreamKey.issue(channel.pk, timezone.now())
    return broadcast_of(channel, Broadcast.State.LIVE, key_hash=key.hash, ingest_name="nobody")


def test_a_streamer_ends_the_broadcast_and_the_encoder_is_kept_away(streamer: Client, channel: Channel) -> None:
    broadcast = live(channel)
    assert "End now" in text(streamer.get("/dashboard/"))
    box = text(streamer.post("/dashboard/end/", headers=FRAGMENT))
    assert "You ended the broadcast." in box and "Allow it again now" in box and "<html" not in box
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.end_reason) == (Broadcast.State.ENDED, "streamer")
    (key,) = StreamKey.of_channel(channel.pk)
    assert key.refused_for == "held_key"
    assert key.refused_until == pytest.approx(timezone.now() + dt.timedelta(seconds=60), abs=dt.timedelta(seconds=10))


def test_the_encoder_may_come_back_at_once(streamer: Client, channel: Channel) -> None:
    live(channel)
    streamer.post("/dashboard/end/")
    box = text(streamer.post("/dashboard/allow/", headers=FRAGMENT))
    assert "Allow it again now" not in box and "The last broadcast ended: ended by you." in box
    assert StreamKey.of_channel(channel.pk)[0].refused_until is None


def test_nobody_lifts_what_an_administrator_has_refused(streamer: Client, channel: Channel) -> None:
    broadcasts.cut(live(channel), timezone.now())
    streamer.post("/dashboard/allow/")
    assert StreamKey.of_channel(channel.pk)[0].refused_for == "cut_key"


def test_the_end_of_nothing_is_no_fault(streamer: Client) -> None:
    assert streamer.post("/dashboard/end/")["Location"] == "/dashboard/"
    assert streamer.get("/dashboard/end/").status_code == 405


def test_nobody_ends_somebody_elses_broadcast(streamer: Client, bob: User) -> None:
    broadcast = live(bob.channel)
    streamer.post("/dashboard/end/")
    broadcast.refresh_from_db()
    assert broadcast.state == Broadcast.State.LIVE


def measured(broadcast: Broadcast, *seconds: dict[str, Any], **figures: dict[str, Any]) -> None:
    async def write(redis: Redis) -> None:
        for second in seconds:
            await redis.rpush(f"hls:{{{broadcast.pk}}}:health", json.dumps(SECOND | {"ends": {}, "audio": None} | second))
        for name, found in figures.items():
            await redis.hset(f"hls:{{{broadcast.pk}}}:ingest", name, json.dumps(found))

    with_segments(write)


def test_the_graphs_ask_for_what_they_have_not_seen(streamer: Client, channel: Channel) -> None:
    broadcast = live(channel)
    audio = {"ahead_ms": 50, "era": 0, "at_ms": 1900, "kbit_s": 128}
    measured(broadcast, {}, {"at_ms": 2_000, "ends": {"source": 9_000, "360p": 8_250}, "audio": audio})
    answer = streamer.get(f"/dashboard/live/{broadcast.pk}/").json()
    assert [second["at_ms"] for second in answer["seconds"]] == [1_000, 2_000]
    last = answer["seconds"][-1]
    assert (last["lag_s"], last["drift_ms"], last["audio_kbit_s"]) == ({"source": 0, "360p": 0.75}, 120, 128)
    later = streamer.get(f"/dashboard/live/{broadcast.pk}/?after=1000").json()
    assert [second["at_ms"] for second in later["seconds"]] == [2_000]
    assert streamer.get(f"/dashboard/live/{broadcast.pk}/?after=-1").status_code == 400


def test_nobody_sees_somebody_elses_graphs(streamer: Client, bob: User) -> None:
    assert streamer.get(f"/dashboard/live/{live(bob.channel).pk}/").status_code == 404


def test_graphs_without_redis_say_so(streamer: Client, channel: Channel, settings: Settings) -> None:
    broadcast = live(channel)
    settings.SEGMENTS_REDIS_URL = "redis://127.0.0.1:1/0"
    assert streamer.get(f"/dashboard/live/{broadcast.pk}/").status_code == 503
    assert "You are live" in text(streamer.get("/dashboard/"))


def test_advice_is_of_what_is_sent_now(streamer: Client, channel: Channel) -> None:
    broadcast = live(channel)
    measured(broadcast, source={"width": 1280, "height": 720, "fps": 30, "gop_s": 2, "kbit_s": 900, "reorder_ms": 67}, audio={})
    page = text(streamer.get("/dashboard/live/"))
    assert "about 67 ms" in page and "Send about 2800 kbit/s" in page and "{n}" not in page
