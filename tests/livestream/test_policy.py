"""What may run in a page: that pages keep to it is seen in Chromium, in tests/browser/test_policy.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Channel
from tests.pages import text

PAGES = ["/", "/@alice/", "/embed/alice/", "/accounts/login/", "/nowhere/", "/api/docs/", "/admin/login/"]


def directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache")
@pytest.mark.parametrize("address", PAGES)
def test_nothing_inline_runs_without_the_answer_s_own_nonce(client: Client, channel: Channel, address: str) -> None:
    response = client.get(address, follow=True)
    policy = directives(response["Content-Security-Policy"])
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & {*policy["script-src"], *policy["style-src"]}
    inline = re.findall(r"<script(?![^>]* src=)([^>]*)>", text(response))
    for attributes in inline:
        [nonce] = re.findall(r'nonce="([^"]+)"', attributes)
        assert f"'nonce-{nonce}'" in policy["script-src"]
    assert "<style" not in text(response)


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache")
def test_each_answer_has_a_nonce_of_its_own(client: Client) -> None:
    first, second = (client.get("/")["Content-Security-Policy"] for _ in range(2))
    assert first != second


def test_templates_have_no_styles_or_handlers_of_their_own() -> None:
    for file in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        found = re.findall(r"<[^>]*\s(?:style|on[a-z]+)=|<style|<script>|javascript:", file.read_text())
        assert found == [], file
