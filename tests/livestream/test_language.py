from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


def language(client: Client, **headers: str) -> str:
    return text(client.get("/", headers=headers)).split('<html lang="')[1].split('"')[0]


def test_the_browser_decides_until_something_is_chosen(client: Client) -> None:
    assert language(client) == "en"
    assert language(client, accept_language="de-AT,de;q=0.9,en;q=0.8") == "de"
    response = client.post("/language/", {"language": "en", "next": "/?q=x"})
    assert (response.status_code, response["Location"]) == (302, "/?q=x")
    assert language(client, accept_language="de") == "en"


def test_a_language_that_is_not_spoken_is_english(client: Client) -> None:
    assert language(client, accept_language="tlh,fr;q=0.5") == "en"
    client.cookies["django_language"] = '"><script>'
    assert language(client) == "en"
    assert client.post("/language/", {"language": "fr"}).status_code == 400


def test_caches_learn_what_a_page_depends_on(client: Client) -> None:
    response = client.get("/", headers={"accept-language": "de"})
    assert response["Content-Language"] == "de"
    assert {"Accept-Language", "Cookie"} <= set(response["Vary"].split(", "))
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("away", ["https://mallory.example/", "//mallory.example/", "javascript:alert(1)"])
def test_it_leads_to_no_other_site(client: Client, away: str) -> None:
    assert client.post("/language/", {"language": "de", "next": away})["Location"] == "/"


def test_no_other_site_and_no_link_chooses(client: Client) -> None:
    response = client.post("/language/", {"language": "de"}, headers={"sec-fetch-site": "cross-site"})
    assert (response.status_code, response.cookies.get("django_language")) == (403, None)
    assert client.get("/language/?language=de").status_code == 405


def test_the_choice_stays_with_the_account(client: Client, alice: User) -> None:
    client.force_login(alice)
    client.post("/language/", {"language": "de"})
    alice.refresh_from_db()
    assert alice.language == "de"


def test_who_is_written_to_while_asking_reads_their_language(client: Client, alice: User) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email}, headers={"accept-language": "de"})
    assert "Passwort" in mail.outbox[0].body
    assert not re.search(r"\b(Sie|Ihre?|Ihnen)\b", str(mail.outbox[0].body)), "the site says du"


def test_scripts_have_their_words_in_every_language_but_english(client: Client) -> None:
    assert "/words/" not in text(client.get("/"))
    page = text(client.get("/", headers={"accept-language": "de"}))
    url = page.split('<script defer src="')[1].split('"')[0]
    assert page.index(url) < page.index('<script type="module"'), "modules ask for words when they begin"
    response = client.get(url)
    assert "max-age=31536000" in response["Cache-Control"] and "public" in response["Cache-Control"]
    assert response["Content-Language"] == "de" and "Cookie" not in response["Vary"]
    assert "Senden" in text(response) and "django.gettext" in text(response)
    assert len(response.content) < 40_000, "Django's own words are not among them"


def test_words_of_another_version_are_not_kept(client: Client) -> None:
    assert "no-store" in client.get("/words/de/0123456789ab.js")["Cache-Control"]
    assert client.get("/words/fr/0123456789ab.js").status_code == 404


def test_words_are_compressed(client: Client) -> None:
    response = client.get("/words/de/0.js", headers={"accept-encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < 10_000
