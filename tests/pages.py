"""What tests of pages share."""

from __future__ import annotations

from typing import Protocol

import pytest
from pytest_django import Settings

FRAGMENT = {"HX-Request": "true"}  # what the scripts in a page send


@pytest.fixture
def plain_static(settings: Settings) -> None:
    """Pages render without a run of collectstatic; that their files exist is a test of its own."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


class Response(Protocol):
    content: bytes


def text(response: Response) -> str:
    return response.content.decode()
