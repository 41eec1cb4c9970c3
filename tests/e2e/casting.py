"""Makes accounts, keys and sessions for the tests: one line of JSON in, one out, in one process that has Django loaded.

manage.py shell --no-imports --command "from tests.e2e.casting import serve; serve()"
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable

from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Channel, User
from streams.documents import StreamKey
from tests.cast import TOTP_SECRET

HOUR = dt.timedelta(hours=1)


def serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(ORDERS[order.pop("order")](**order)), flush=True)
        connection.close()  # PostgreSQL may be another one at the next order


def join(name: str, is_staff: bool, latency: str, reconnect_s: int) -> str:
    """An account with a channel; answers with the cookie of its session."""
    user = User.objects.create_user(f"{name}@example.org", is_staff=is_staff, is_superuser=is_staff)
    Channel.objects.create(owner=user, name=name, latency=latency, reconnect_s=reconnect_s)
    if is_staff:
        TOTP.activate(user, TOTP_SECRET)
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def issue(name: str, state: str) -> str:
    """A key that is active, revoked or expired."""
    now = timezone.now()
    expires_at = now - HOUR if state == "expired" else None
    key, text = StreamKey.issue(Channel.objects.get(name=name).pk, now - 2 * HOUR, state, expires_at)
    if state == "revoked":
        key.revoke(now - HOUR)
    return text


def token(name: str) -> str:
    """For all that a program can do."""
    made, text = ApiToken.objects.create(Channel.objects.get(name=name).owner, name="a program", scopes=ApiToken.Scope.values)
    return str(text)


ORDERS: dict[str, Callable[..., str]] = {"join": join, "issue": issue, "token": token}
