"""Many people and channels at once, made beside a running site."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from django.utils import timezone

from accounts.models import Channel, User
from streams.documents import StreamKey
from tests.live import Site

BACKEND = "django.contrib.auth.backends.ModelBackend"
WAIT_S = 90


class Crowd(NamedTuple):
    names: list[str]  # of channels
    keys: list[str]  # theirs
    cookies: list[str]  # of all


def made(site: Site, channels: int, people: int) -> Crowd:
    """The first of the PEOPLE have a channel each."""
    program = f"from tests.faults.crowd import make; make({channels}, {people})"
    return Crowd(*json.loads(site.manage("shell", "--no-imports", "--command", program)))


def make(channels: int, people: int) -> None:
    joined = User.objects.bulk_create(User(email=f"bob_{secrets.token_hex(8)}@example.org") for _ in range(people))
    owned = Channel.objects.bulk_create(
        Channel(owner=user, name=f"alice_{secrets.token_hex(4)}", reconnect_s=WAIT_S) for user in joined[:channels]
    )
    now = timezone.now()
    keys = [StreamKey.issue(channel.pk, now)[1] for channel in owned]
    print(json.dumps(Crowd([channel.name for channel in owned], keys, list(signed_in(joined)))))


def signed_in(people: Iterable[User]) -> Iterable[str]:
    for user in people:
        store = SessionStore()
        store.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: user.get_session_auth_hash()})
        store.create()
        assert store.session_key
        yield store.session_key
