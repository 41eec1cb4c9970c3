from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from django.test import Client

from accounts.models import ApiToken, User
from tests.cast import alice, bob, carol, channel, mallory, quick_passwords
from tests.pages import plain_static
from tests.stores import dead_key_store, key_store, own_cache

__all__ = [
    "alice",
    "bob",
    "carol",
    "channel",
    "dead_key_store",
    "key_store",
    "mallory",
    "own_cache",
    "plain_static",
    "quick_passwords",
]

Holder = Callable[..., Client]


@pytest.fixture
def holder() -> Holder:
    """A program with a token of somebody's, for all scopes or for some."""

    def holder(user: User, *scopes: str) -> Client:
        return Client(headers={"Authorization": f"Bearer {token(user, scopes or ApiToken.Scope.values)}"})

    return holder


def token(user: User, scopes: Sequence[str]) -> str:
    _token, text = ApiToken.objects.create(user, name="a program", scopes=list(scopes))
    return str(text)
