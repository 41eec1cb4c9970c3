"""Stores of one test's own, beside those of the site that runs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import mongoengine as me
import pytest
from django.conf import settings
from pymongo import MongoClient
from pytest_django import Settings

OWN_DATABASE = "pytest"


@pytest.fixture
def own_cache(settings: Settings) -> None:
    """Sessions, and codes that were used, are kept there; the running site has accounts with the same numbers."""
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": f"test-{secrets.token_hex(8)}"}}


@pytest.fixture
def key_store() -> Iterator[None]:
    own = urlsplit(settings.MONGODB_URI)._replace(path=f"/{OWN_DATABASE}").geturl()
    with documents_in(own, after=settings.MONGODB_URI):
        yield
    with MongoClient[dict[str, Any]](settings.MONGODB_URI) as client:
        client.drop_database(OWN_DATABASE)


@pytest.fixture
def dead_key_store(key_store: None) -> Iterator[None]:
    with documents_in("mongodb://127.0.0.1:1/pytest", after=settings.MONGODB_URI, serverSelectionTimeoutMS=100):
        yield


@contextmanager
def documents_in(uri: str, after: str, **options: Any) -> Iterator[None]:
    connect(uri, **options)
    try:
        yield
    finally:
        connect(after, connect=False)


def connect(uri: str, **options: Any) -> None:
    me.disconnect()
    me.connect(host=uri, tz_aware=True, uuidRepresentation="standard", **options)
