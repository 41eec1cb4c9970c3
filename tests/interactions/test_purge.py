"""What expires is forgotten, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import purge as accounts_purge
from accounts.models import Channel, User
from interactions import purge as interactions_purge
from interactions.models import HeldMessage, Report, Restriction
from streams import purge as streams_purge
from streams.documents import StreamKey
from streams.models import Broadcast, Refusal
from tests.broadcasts import broadcast_of
from tests.cast import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
NOW = timezone.now()
DAY = dt.timedelta(days=1)


def test_sessions_that_have_expired_leave_both_lists(alice: User, bob: User) -> None:
    for user in (alice, bob):
        Client().post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    gone = UserSession.objects.get(user=bob)
    Session.objects.filter(session_key=gone.session_key).update(expire_date=NOW - DAY)
    accounts_purge.sessions(NOW)
    assert [session.user for session in UserSession.objects.all()] == [alice]
    assert Session.objects.count() == 1


def test_addresses_are_forgotten_after_thirty_days(channel: Channel, alice: User, bob: User) -> None:
    addr = "203.0.113.9"
    old = broadcast_of(channel, Broadcast.State.ENDED, addr=addr, ended_at=NOW - 31 * DAY)
    new = broadcast_of(channel, Broadcast.State.ENDED, addr=addr, ended_at=NOW - 29 * DAY)
    on = broadcast_of(channel, Broadcast.State.LIVE, addr=addr, started_at=NOW - 31 * DAY)
    Refusal.objects.create(channel=channel, reason="expired_key", addr=addr, at=NOW - 31 * DAY)
    for user, days in ((alice, 31), (bob, 29)):
        UserSession.objects.create(user=user, ip=addr, user_agent="x", session_key=user.email, last_seen_at=NOW - days * DAY)
        AccessAttempt.objects.create(username=user.email, ip_address=addr, failures_since_start=1)
        AccessAttempt.objects.filter(username=user.email).update(attempt_time=NOW - days * DAY)
    accounts_purge.addresses(NOW)
    streams_purge.addresses(NOW)
    assert [Broadcast.objects.get(pk=one.pk).addr for one in (old, new, on)] == [None, addr, addr]
    assert Refusal.objects.get().addr is None
    assert [UserSession.objects.get(user=user).ip for user in (alice, bob)] == ["::", addr]
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == [bob.email]


def test_keys_that_can_no_longer_be_used_go_after_thirty_days() -> None:
    def key(label: str, **fields: dt.datetime) -> None:
        StreamKey.issue(1, NOW - 90 * DAY, label)[0].update(**{f"set__{name}": value for name, value in fields.items()})

    StreamKey.issue(1, NOW - 90 * DAY, "forever")
    key("revoked long ago", revoked_at=NOW - 31 * DAY)
    key("expired long ago", expires_at=NOW - 31 * DAY)
    key("revoked", revoked_at=NOW - 29 * DAY)
    key("expired", expires_at=NOW - DAY)
    key("to come", expires_at=NOW + DAY)
    streams_purge.keys(NOW)
    assert {one.label for one in StreamKey.of_channel(1)} == {"forever", "revoked", "expired", "to come"}


def test_what_was_decided_long_ago_goes_and_what_waits_stays(channel: Channel, bob: User) -> None:
    def report(n: int, state: str, days: int) -> None:
        words = {"author": "bob", "text": "x", "epoch": "e", "said_at": NOW, "at": NOW - 200 * DAY}
        Report.objects.create(channel=channel, n=n, user=bob, state=state, handled_at=NOW - days * DAY, **words)

    for n, (state, days) in enumerate([("open", 100), ("acted", 91), ("dismissed", 89)]):
        report(n, state, days)
    for n, (state, days) in enumerate([("waiting", 100), ("denied", 91), ("approved", 89)]):
        at = NOW - days * DAY
        HeldMessage.objects.create(channel=channel, user=bob, text="x", nonce=str(n), reason="link", state=state, at=at)
    Restriction.objects.create(user=bob, channel=channel, kind="timeout", until=NOW - DAY, at=NOW - DAY)
    Restriction.objects.create(user=bob, channel=None, kind="ban", at=NOW - 200 * DAY)
    interactions_purge.decided(NOW)
    assert {one.state for one in Report.objects.all()} == {"open", "dismissed"}
    assert {one.state for one in HeldMessage.objects.all()} == {"waiting", "approved"}
    assert [one.kind for one in Restriction.objects.all()] == ["ban"]
