from __future__ import annotations

import pytest
from django.test import Client

from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


def theme(client: Client) -> str:
    return text(client.get("/")).split('data-bs-theme="')[1].split('"')[0]


def test_the_reader_s_system_decides_until_something_is_chosen(client: Client) -> None:
    assert theme(client) == "auto"
    response = client.post("/theme/", {"theme": "dark", "next": "/?q=x"})
    assert (response.status_code, response["Location"]) == (302, "/?q=x")
    assert theme(client) == "dark"
    client.post("/theme/", {"theme": "auto"})
    assert theme(client) == "auto"


def test_a_theme_that_is_not_there_is_refused(client: Client) -> None:
    assert client.post("/theme/", {"theme": "pink"}).status_code == 400
    client.cookies["theme"] = '"><script>'
    assert theme(client) == "auto"


@pytest.mark.parametrize("away", ["https://mallory.example/", "//mallory.example/", "javascript:alert(1)", ""])
def test_it_leads_to_no_other_site(client: Client, away: str) -> None:
    assert client.post("/theme/", {"theme": "light", "next": away})["Location"] == "/"


def test_a_link_changes_nothing(client: Client) -> None:
    assert client.get("/theme/?theme=light").status_code == 405
