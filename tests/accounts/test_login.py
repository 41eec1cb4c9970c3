from __future__ import annotations

import re

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD, code_now
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]


def log_in(client: Client, email: str, password: str = PASSWORD) -> int:
    return client.post("/accounts/login/", {"login": email, "password": password}).status_code


def test_it_logs_in_by_address_in_any_case(client: Client, alice: User) -> None:
    assert log_in(client, "Alice@Example.org") == 302
    assert client.get("/dashboard/").status_code == 200


def test_it_refuses_a_wrong_password(client: Client, alice: User) -> None:
    assert log_in(client, alice.email, "wrong") == 200
    assert client.get("/dashboard/").status_code == 302


def test_it_stops_listening_to_somebody_who_guesses(client: Client, alice: User) -> None:
    for _ in range(5):
        log_in(client, alice.email, "wrong")
    assert log_in(client, alice.email) == 429
    assert client.get("/dashboard/").status_code == 302


def test_the_admin_asks_for_the_sites_own_login(client: Client, carol: User) -> None:
    response = client.get("/admin/")
    assert response["Location"].startswith("/admin/login/")
    assert client.get(response["Location"])["Location"].startswith("/accounts/login/?next=")
    log_in(client, carol.email)
    assert client.get("/admin/").status_code == 302
    assert client.post("/accounts/2fa/authenticate/", {"code": code_now()}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_the_admin_is_closed_to_streamers(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/admin/", follow=True).status_code == 403


def test_logging_out_takes_a_post(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "Log out" in text(client.get("/accounts/logout/"))
    assert client.get("/dashboard/").status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert client.get("/dashboard/").status_code == 302


def test_a_forgotten_password_is_replaced_by_mail(client: Client, alice: User, mailoutbox: list[EmailMessage]) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = re.search(r"/accounts/password/reset/key/\S+", str(mailoutbox[0].body))
    assert link
    form = client.get(link[0])["Location"]
    new = "battery staple horse"
    client.post(form, {"password1": new, "password2": new})
    assert log_in(client, alice.email, new) == 302


def test_an_unknown_address_learns_nothing_from_the_page(client: Client, alice: User) -> None:
    known = client.post("/accounts/password/reset/", {"email": alice.email})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


@pytest.mark.parametrize("page", ["login", "signup", "password/reset"])
def test_pages_with_forms_stay_out_of_caches(client: Client, page: str) -> None:
    assert "no-store" in client.get(f"/accounts/{page}/")["Cache-Control"]
