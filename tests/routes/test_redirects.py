"""Nobody is sent to another site by an address of this one."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD
from tests.routes.walk import ROUTES, again, filled, undone

EVIL = "evil.example"
ELSEWHERE = [f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}", f"https://{EVIL}"]
HERE = "http://testserver/"
INSIDE = "/following/"
OURS = [route for pattern, route in ROUTES.items() if not pattern.startswith("admin/")]


def lands(location: str) -> str:
    """The host that a browser goes to: it reads backslashes as slashes, and a scheme alone as two more."""
    plain = location.replace("\\", "/").replace("https:e", "https://e")
    return urlsplit(urljoin(HERE, "//" + plain.lstrip("/") if plain.startswith("//") else plain)).netloc


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_browser_would_follow_these(address: str) -> None:
    assert lands(address) == "evil.example"


def asked(person: Client, method: str, address: str, onward: str) -> str:
    """Where it leads who wants to go ONWARD."""
    with undone():
        answer = getattr(again(person), method)(address, {"next": onward, "theme": "dark"})
    return str(answer.headers.get("Location", "/"))


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["anonymous", "owner"])
def test_no_route_leads_elsewhere(visitors: dict[str, Client], parts: dict[str, str], who: str) -> None:
    onward = set()
    for route in OURS:
        for method in ("get", "post"):
            address = filled(route, parts)
            assert lands(asked(visitors[who], method, address, ELSEWHERE[0])) == "testserver", route.pattern
            if asked(visitors[who], method, address, INSIDE) == INSIDE:
                onward.add(route.pattern)
                assert {lands(asked(visitors[who], method, address, evil)) for evil in ELSEWHERE} == {"testserver"}, (
                    route.pattern
                )
    assert "theme/" in onward  # so the walk asks what it means to


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache", "key_store")
@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_login_leads_nowhere_else(alice: User, address: str) -> None:
    answer = Client().post("/accounts/login/", {"login": alice.email, "password": PASSWORD, "next": address})
    assert answer.status_code == 302 and lands(answer["Location"]) == "testserver"
