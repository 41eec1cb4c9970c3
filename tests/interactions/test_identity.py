"""Who a session cookie says is there."""

from __future__ import annotations

from importlib import import_module

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from accounts.models import User
from interactions import identity
from interactions.routing import is_trusted
from tests.cast import bob, quick_passwords
from tests.stores import own_cache

__all__ = ["bob", "own_cache", "quick_passwords"]


def scope(cookie: str) -> identity.Scope:
    return {"headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())]}


def who(cookie: str) -> int | None:
    return async_to_sync(identity.user_pk)(scope(cookie))


def signed_in(user: User) -> str:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"csrftoken=x; {settings.SESSION_COOKIE_NAME}={session.session_key}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("own_cache")
def test_somebody_signed_in_is_known_until_the_password_or_the_account_goes(bob: User) -> None:
    cookie = signed_in(bob)
    assert who(cookie) == bob.pk
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert who(cookie) is None
    bob.set_password("another one entirely")
    bob.is_active = True
    bob.save()
    assert who(cookie) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cookie", ["", "sessionid=", "sessionid=forged", "sessionid=../../x", "=;;;", "sessionid=\x01"])
def test_anything_else_is_nobody(cookie: str) -> None:
    assert who(cookie) is None


def test_without_a_cookie_postgresql_is_not_asked() -> None:
    assert async_to_sync(identity.user_pk)({"headers": []}) is None


@pytest.mark.parametrize(
    ("origin", "host", "trusted"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://localhost", "localhost", True),
        ("http://localhost:9000", "localhost:8000", False),
        ("http://mallory.example", "mallory.example", False),
        ("http://localhost@mallory.example", "localhost", False),
        ("null", "localhost", False),
        ("", "", False),
        ("http://", "", False),
    ],
)
def test_a_page_of_the_host_that_is_asked_is_trusted(origin: str, host: str, trusted: bool) -> None:
    assert is_trusted(origin, host) is trusted
