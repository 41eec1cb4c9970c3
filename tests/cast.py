"""The cast of every test: alice streams, bob watches, carol moderates, mallory attacks."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.models import Channel, User

PASSWORD = "correct horse battery"


def join(name: str, **fields: object) -> User:
    return User.objects.create_streamer(f"{name}@example.org", PASSWORD, name, **fields)


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
