from __future__ import annotations

import re
import threading
import time

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.views import FIRST_ADMINISTRATOR_LOCK
from tests.cast import PASSWORD, code_now
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
LINK = "/accounts/first-administrator/the-token/"


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.FIRST_ADMIN_TOKEN = "the-token"


def form(name: str = "carol", password: str = PASSWORD) -> dict[str, str]:
    return {"email": f"{name}@example.org", "channel": name, "password": password}


def test_the_link_makes_an_administrator_with_a_channel(client: Client) -> None:
    assert "First administrator" in text(client.get(LINK))
    assert client.post(LINK, form())["Location"] == "/dashboard/"
    carol = User.objects.get(email="carol@example.org")
    assert carol.is_superuser and carol.is_staff and carol.channel.name == "carol"
    assert "/accounts/sessions/" in text(client.get("/accounts/sessions/"))


def test_the_first_administrator_is_led_to_a_second_factor_and_then_in(client: Client) -> None:
    client.post(LINK, form())
    page = text(client.get("/admin/", follow=True))
    assert "The administration needs a second factor" in page and "/accounts/2fa/totp/activate/" in page
    confirm = client.get("/accounts/2fa/totp/activate/")["Location"]
    assert client.post(confirm, {"password": PASSWORD})["Location"] == "/accounts/2fa/totp/activate/"
    secret = re.search(r'id="authenticator_secret">(\w+)<', text(client.get("/accounts/2fa/totp/activate/")))
    assert secret
    client.post("/accounts/2fa/totp/activate/", {"code": code_now(secret[1])})
    assert client.get("/admin/").status_code == 200


def test_the_link_works_once(client: Client) -> None:
    client.post(LINK, form())
    assert client.get(LINK).status_code == 404
    assert client.post(LINK, form("mallory")).status_code == 404
    assert User.objects.count() == 1


@pytest.mark.parametrize("wrong", ["the-tokem", "the-token2", "x", "ü"])
def test_another_token_is_not_found(client: Client, wrong: str) -> None:
    assert client.get(f"/accounts/first-administrator/{wrong}/").status_code == 404
    assert client.post(f"/accounts/first-administrator/{wrong}/", form("mallory")).status_code == 404


def test_without_a_token_there_is_no_link(client: Client, settings: Settings) -> None:
    settings.FIRST_ADMIN_TOKEN = ""
    assert client.get(LINK).status_code == 404
    assert client.get("/accounts/first-administrator//").status_code == 404


def test_a_poor_password_a_taken_address_and_a_taken_name_are_refused(client: Client, alice: User) -> None:
    assert "too short" in text(client.post(LINK, form(password="short")))
    page = text(client.post(LINK, form("Alice")))
    assert "An account with this address exists" in page and "This name is taken" in page
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_administrator() -> None:
    statuses: list[int] = []

    def post(name: str) -> None:
        statuses.append(Client().post(LINK, form(name)).status_code)
        connection.close()

    threads = [threading.Thread(target=post, args=[name]) for name in ("carol", "mallory")]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ADMINISTRATOR_LOCK])
        for thread in threads:
            thread.start()
        wait_for_waiters(2)
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302, 404]
    assert User.objects.count() == 1


def wait_for_waiters(wanted: int) -> None:
    deadline = time.monotonic() + 5
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0] == wanted:
                return
            time.sleep(0.01)
    raise AssertionError(f"{wanted} requests did not come to wait for the lock")
