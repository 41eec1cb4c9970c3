"""Who may do what, on every route of the site: the table is tests/permissions.txt. A route without a line fails."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.live import CHECKOUT
from tests.routes.walk import ROUTES, WHO, again, filled, undone

TABLE = CHECKOUT / "tests/permissions.txt"
Line = tuple[str, str]


def table() -> dict[Line, list[str]]:
    rows = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {(pattern.removeprefix("/"), method): seen for pattern, method, *seen in rows}


EXPECTED = table()


def answered(client: Client, method: str, address: str) -> str:
    """A status; `login` or `prove` where one is sent there first."""
    with undone():
        given: dict[str, Any] = (
            {} if method == "GET" or not address.startswith("/api/") else {"content_type": "application/json"}
        )
        response = getattr(client, method.lower())(address, **given)
    where = urlsplit(response.headers.get("Location", "")).path
    if where in ("/accounts/login/", "/admin/login/"):
        return "login"
    return "prove" if where.endswith("/reauthenticate/") else str(response.status_code)


def test_every_route_has_its_line() -> None:
    there_are = {(pattern, method) for pattern, route in ROUTES.items() for method in route.methods}
    assert there_are == set(EXPECTED)


@pytest.mark.django_db
@pytest.mark.parametrize("part", sorted({pattern.split("/")[0] for pattern, _method in EXPECTED}))
def test_it_answers_as_the_table_says(visitors: dict[str, Client], parts: dict[str, str], part: str) -> None:
    """By the first part of the address: to make people and keys for each line would take minutes."""
    wrong = []
    for (pattern, method), expected in EXPECTED.items():
        if pattern.split("/")[0] == part:
            address = filled(ROUTES[pattern], parts)
            seen = [answered(again(visitors[who]), method, address) for who in WHO]
            wrong += [f"/{pattern} {method} {' '.join(seen)}"] if seen != expected else []
    assert wrong == []
