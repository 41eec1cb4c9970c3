"""Those who walk through all routes, and what is there for them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Category, Channel, User
from streams.documents import StreamKey
from streams.models import Broadcast, ScheduledBroadcast
from tests.broadcasts import broadcast_of
from tests.cast import alice, channel, mallory, quick_passwords
from tests.interactions.rooms import control
from tests.pages import plain_static
from tests.routes.walk import WHO
from tests.staff import moderator
from tests.stores import key_store, own_cache

__all__ = ["alice", "channel", "control", "key_store", "mallory", "own_cache", "plain_static", "quick_passwords"]


@pytest.fixture
def visitors(
    alice: User, mallory: User, key_store: None, own_cache: None, plain_static: None, control: Any
) -> dict[str, Client]:
    people = {"anonymous": None, "other": mallory, "moderator": moderator(), "owner": alice}
    clients = {who: Client(raise_request_exception=False) for who in WHO}
    for who, person in people.items():
        if person:
            clients[who].force_login(person)
    return clients


@pytest.fixture
def parts(visitors: dict[str, Client], channel: Channel) -> dict[str, str]:
    """What fills the parts of an address: all of it is alice's."""
    owner = channel.owner
    now = timezone.now()
    key, _text = StreamKey.issue(channel.pk, now)
    token, _text = ApiToken.objects.create(owner, name="hers", scopes=["read"])
    broadcast = broadcast_of(channel, Broadcast.State.ENDED, live_at=now, ended_at=now)
    announced = ScheduledBroadcast.objects.create(channel=channel, starts_at=now)
    return {
        "name": "alice",
        "broadcast_id": broadcast.pk,
        "public_id": key.public_id,
        "token_key": token.token_key,
        "user_pk": str(owner.pk),
        "scheduledbroadcast": str(announced.pk),
        "user": str(owner.pk),
        "channel": str(channel.pk),
        "broadcast": broadcast.pk,
        "category": str(Category.objects.create(name="Maps", slug="maps-of-alice").pk),
        "group": str(Group.objects.order_by("pk")[0].pk),
    }
