"""Nobody is sent to another site by an address of this one."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD
from tests.test_permissions import (
    ROUTES,
    alice,
    channel,
    control,
    filled,
    key_store,
    mallory,
    own_cache,
    parts,
    plain_static,
    quick_passwords,
    undone,
    visitors,
)

__all__ = [
    "alice",
    "channel",
    "control",
    "key_store",
    "mallory",
    "own_cache",
    "parts",
    "plain_static",
    "quick_passwords",
    "visitors",
]
EVIL = "evil.example"
ELSEWHERE = [f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}", f"https://{EVIL}"]
HERE = "http://testserver/"
OURS = [route for pattern, route in ROUTES.items() if not pattern.startswith("admin/")]


def lands(location: str) -> str:
    """The host that a browser goes to: it reads backslashes as slashes, and a scheme alone as two more."""
    plain = location.replace("\\", "/").replace("https:e", "https://e")
    return urlsplit(urljoin(HERE, "//" + plain.lstrip("/") if plain.startswith("//") else plain)).netloc


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_browser_would_follow_these(address: str) -> None:
    assert lands(address) == "evil.example"


@pytest.mark.django_db
@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("who", ["anonymous", "owner"])
def test_no_route_leads_elsewhere(visitors: dict[str, Client], parts: dict[str, str], who: str, address: str) -> None:
    for route in OURS:
        with undone():
            client = Client(raise_request_exception=False)
            client.cookies.load({name: each.value for name, each in visitors[who].cookies.items()})
            for answer in (
                client.get(filled(route, parts), {"next": address}),
                client.post(filled(route, parts), {"next": address, "theme": "dark"}),
            ):
                assert lands(answer.headers.get("Location", "/")) in ("testserver", ""), route.pattern


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache", "key_store")
@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_login_leads_nowhere_else(alice: User, address: str) -> None:
    answer = Client().post("/accounts/login/", {"login": alice.email, "password": PASSWORD, "next": address})
    assert answer.status_code == 302 and lands(answer["Location"]) == "testserver"
