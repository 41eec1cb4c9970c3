"""What the site keeps of a person: all of it in a file, and nothing of it after they have left."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import settings as site_settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from pymongo import MongoClient
from pytest_django import Settings
from redis import Redis

from accounts.models import Channel, Follow, ModAction, User
from interactions.documents import ReactionHeat
from interactions.models import HeldMessage, Restriction
from streams import broadcasts
from streams.documents import Audience, StreamKey, StreamMetadata
from streams.models import Broadcast, Refusal
from tests.accounts.images import picture, upload
from tests.broadcasts import broadcast_of
from tests.cast import PASSWORD
from tests.interactions.rooms import items, say
from tests.interactions.test_archive import run
from tests.pages import text
from tests.stores import OWN_DATABASE

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static", "own_cache", "key_store", "control", "layer", "clean_queue"),
]
PAGE = "/accounts/data/"
CANARY = "zebra"  # in everything that mallory leaves behind


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The broadcasts that were ended, and were there then."""
    ids: list[str] = []

    def end(broadcast_id: str, reason: str, now: Any) -> bool:
        assert not StreamKey.objects(channel_id=Broadcast.objects.get(pk=broadcast_id).channel_id)
        ids.append(broadcast_id)
        return True

    monkeypatch.setattr(broadcasts, "end", end)
    return ids


@pytest.fixture
def zebra(client: Client, quick_passwords: None, media: Path, channel: Channel, bob: User, carol: User) -> User:
    """Somebody who has used everything, and whose name is in all of it."""
    user = User.objects.create_streamer(f"{CANARY}@example.org", PASSWORD, CANARY, first_name=CANARY)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post("/accounts/login/", {"login": user.email, "password": "wrong"})
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD}, headers={"User-Agent": CANARY})
    links = {"links-TOTAL_FORMS": "5", "links-INITIAL_FORMS": "0", "links-0-url": f"https://{CANARY}.example/"}
    client.post("/accounts/profile/", links | {"avatar": upload(picture("PNG"))})
    Channel.objects.filter(owner=user).update(title=CANARY, description=CANARY, tags=[CANARY])
    now = timezone.now()
    past = broadcast_of(user.channel, Broadcast.State.ENDED, title=CANARY, addr="203.0.113.9", ended_at=now)
    live = broadcast_of(user.channel, Broadcast.State.LIVE, session="boot:2", title=CANARY)
    StreamKey.issue(user.channel.pk, now, CANARY)
    for broadcast in (past, live):
        StreamMetadata(id=broadcast.pk, channel=CANARY, started_at=now).save()
        Audience.note(broadcast.pk, 0, room=1)
        ReactionHeat.add(broadcast.pk, {(1, "x"): 1})
    Refusal.objects.create(channel=user.channel, reason="expired_key", addr="203.0.113.9", at=now)
    Follow.objects.create(user=user, channel=channel, by_mail=True)
    Follow.objects.create(user=bob, channel=user.channel)
    Restriction.objects.create(user=user, channel=channel, kind="ban", by=carol, at=now)
    HeldMessage.objects.create(channel=channel, user=user, text=CANARY, nonce="n", reason="link", at=now)
    say(channel, user, f"I am {CANARY}")
    say(user.channel, bob, f"hello {CANARY}")
    say(channel, bob, "nothing of theirs")
    run()
    return user


def prove(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def delete(client: Client, name: str = CANARY) -> str:
    return text(client.post(f"{PAGE}delete/", {"name": name}, follow=True))


def tables_that_know(word: str) -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" AS row WHERE row::text ILIKE %s', [f"%{word}%"])
            found += [table] * bool(cursor.fetchone()[0])
    return found


def collections_that_know(*words: str) -> list[str]:
    with MongoClient[dict[str, Any]](site_settings.MONGODB_URI) as mongo:
        database = mongo[OWN_DATABASE]
        kept = {name: str(list(database[name].find())) for name in database.list_collection_names()}
    return [name for name, documents in kept.items() if any(word in documents for word in words)]


def redis_knows(control: Redis, word: str) -> bool:
    """For longer than a minute: what paces somebody expires by itself."""
    read: dict[Any, Any] = {b"hash": control.hgetall, b"stream": control.xrange, b"string": control.get}
    lasting = [key for key in control.keys("*") if control.ttl(key) == -1]
    return any(word in str((key, read[control.type(key)](key))) for key in lasting)


def test_nothing_of_them_is_left(
    client: Client, zebra: User, channel: Channel, media: Path, control: Redis, ended: list[str]
) -> None:
    ids = list(Broadcast.objects.filter(channel=zebra.channel).values_list("pk", flat=True))
    assert {"accounts_user", "accounts_channel", "interactions_message", "axes_accessattempt"} <= set(tables_that_know(CANARY))
    assert len(collections_that_know(CANARY, *ids)) == 4 and redis_knows(control, CANARY)
    prove(client)
    assert "Your account is deleted" in delete(client)
    assert tables_that_know(CANARY) == []
    assert collections_that_know(CANARY, *ids) == []
    assert not redis_knows(control, CANARY)
    assert [path for path in media.rglob("*") if path.is_file()] == []
    assert len(ended) == 1 and not Broadcast.objects.filter(pk__in=ids).exists()
    assert [item["text"] for item in items(channel) if item["t"] == "msg"] == ["nothing of theirs"]
    assert client.get(PAGE).status_code == 302
    assert not any(session.get_decoded().get("_auth_user_id") == str(zebra.pk) for session in Session.objects.all())
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if field.is_relation and field.related_model is User and hasattr(field, "attname"):
                assert not model._default_manager.filter(**{field.attname: zebra.pk}).exists(), (model, field)


def test_the_moderators_log_keeps_names(client: Client, zebra: User, channel: Channel, carol: User, ended: list[str]) -> None:
    ModAction.objects.create(
        code="ban",
        channel=channel,
        channel_name="alice",
        by=carol,
        by_name="carol",
        user=zebra,
        user_name=CANARY,
        at=timezone.now(),
    )
    prove(client)
    delete(client)
    entry = ModAction.objects.get()
    assert (entry.user_id, entry.user_name) == (None, CANARY)


def test_it_asks_who_it_is_and_for_the_name(client: Client, zebra: User, ended: list[str]) -> None:
    assert client.post(f"{PAGE}delete/", {"name": CANARY})["Location"].startswith("/accounts/reauthenticate/")
    assert client.post(f"{PAGE}export/")["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": "wrong"})
    assert client.get(f"{PAGE}delete/").status_code == 302
    prove(client)
    assert "nothing is deleted" in delete(client, "alice")
    client.get(f"{PAGE}delete/")
    assert User.objects.filter(pk=zebra.pk).exists() and ended == []


@pytest.mark.usefixtures("dead_key_store")
def test_while_a_store_is_away_nothing_is_deleted_and_nothing_handed_out(client: Client, bob: User) -> None:
    client.force_login(bob)
    prove(client)
    assert "Nothing was done" in delete(client, "bob")
    assert "Nothing was done" in text(client.post(f"{PAGE}export/", follow=True))
    assert User.objects.filter(pk=bob.pk).exists() and client.get(PAGE).status_code == 200


def test_the_last_administrator_stays(client: Client, carol: User) -> None:
    client.force_login(carol)
    prove(client)
    assert "only administrator" in text(client.get(PAGE))
    assert "only administrator" in delete(client, "carol")
    assert User.objects.filter(pk=carol.pk).exists()


def exported(response: Any) -> tuple[dict[str, Any], list[str]]:
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        return json.loads(archive.read("data.json")), archive.namelist()


def test_the_file_holds_all_of_it_and_no_secret(client: Client, zebra: User) -> None:
    key, secret = StreamKey.issue(zebra.channel.pk, timezone.now(), "OBS")
    Authenticator.objects.create(user=zebra, type="totp", data={"secret": "hush"})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    response = client.post(f"{PAGE}export/")
    found, names = exported(response)
    assert response["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    assert "no-store" in response["Cache-Control"]
    assert names == ["data.json", zebra.channel.avatar.name or Channel.objects.get(owner=zebra).avatar.name]
    assert found["account"]["email"] == zebra.email and found["channel"]["title"] == CANARY
    assert [follow["channel"] for follow in found["follows"]] == ["alice"]
    assert {one["public_id"] for one in found["stream_keys"]} >= {key.public_id}
    assert [message["text"] for message in found["messages"]] == [f"I am {CANARY}"]
    assert len(found["broadcasts"]) == 2 and found["sessions"] and found["restrictions"]
    plain = json.dumps(found)
    assert not any(word in plain for word in (secret, key.hash, "hush", zebra.password, "nothing of theirs"))


def test_a_page_of_another_site_cannot_take_it(zebra: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(zebra)
    assert strict.post(f"{PAGE}export/").status_code == 403
    assert strict.post(f"{PAGE}delete/", {"name": CANARY}).status_code == 403
    assert strict.get(f"{PAGE}export/").status_code == 405
    assert AccessAttempt.objects.exists()
