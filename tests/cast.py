"""The cast of every test: alice streams, bob watches, carol moderates, mallory attacks."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client
from pytest_django import Settings

from accounts.models import Channel, User

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # in the authenticator app of whoever is staff
PASSWORD = "correct horse battery"


def join(name: str, **fields: object) -> User:
    """Staff have a second factor: the administration opens to nobody else."""
    user = User.objects.create_streamer(f"{name}@example.org", PASSWORD, name, **fields)
    if fields.get("is_staff"):
        TOTP.activate(user, TOTP_SECRET)
    return user


def can_log_in(email: str, password: str = PASSWORD) -> bool:
    """By the site's own page, in a browser of its own."""
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": password})
    return "_auth_user_id" in client.session


def code_now(secret: str = TOTP_SECRET) -> str:
    """What an authenticator app shows."""
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


@pytest.fixture
def quick_passwords(settings: Settings) -> None:
    """A good hash takes its time, on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None, quick_passwords: None) -> User:
    return join("alice")


@pytest.fixture
def bob(db: None, quick_passwords: None) -> User:
    return join("bob")


@pytest.fixture
def carol(db: None, quick_passwords: None) -> User:
    return join("carol", is_staff=True, is_superuser=True)


@pytest.fixture
def mallory(db: None, quick_passwords: None) -> User:
    return join("mallory")


@pytest.fixture
def channel(alice: User) -> Channel:
    return alice.channel
