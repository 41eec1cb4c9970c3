from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


def test_users_are_listed_and_found_by_address_and_channel(client: Client, carol: User, alice: User, bob: User) -> None:
    client.force_login(carol)
    assert "alice@example.org" in text(client.get("/admin/accounts/user/?q=alice@"))
    page = text(client.get("/admin/accounts/user/?q=bob"))
    assert "bob@example.org" in page and "alice@example.org" not in page


def test_an_administrator_adds_a_user_by_address(client: Client, carol: User) -> None:
    client.force_login(carol)
    form = {"email": "Dora@example.org", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/admin/accounts/user/add/", form)
    assert client.login(email="dora@example.org", password=PASSWORD)


def test_an_administrator_shuts_an_account(client: Client, carol: User, mallory: User) -> None:
    client.force_login(carol)
    address = f"/admin/accounts/user/{mallory.pk}/change/"
    assert "mallory@example.org" in text(client.get(address))
    assert client.post(address, {"email": mallory.email}).status_code == 302
    assert not client.login(email=mallory.email, password=PASSWORD)
