from __future__ import annotations

import re

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.cast import PASSWORD, can_log_in
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
NEW = "battery staple horse"


def link(client: Client, user: User, mailoutbox: list[EmailMessage]) -> str:
    client.post("/accounts/password/reset/", {"email": user.email})
    found = re.search(r"/accounts/password/reset/key/\S+", str(mailoutbox[-1].body))
    assert found
    return found[0]


def reset(client: Client, user: User, mailoutbox: list[EmailMessage], new: str) -> str:
    form = client.get(link(client, user, mailoutbox))["Location"]
    return text(client.post(form, {"password1": new, "password2": new}, follow=True))


def test_a_forgotten_password_is_replaced_and_its_link_works_once(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    elsewhere = Client()
    elsewhere.force_login(alice)
    address = link(client, alice, mailoutbox)
    form = client.get(address)["Location"]
    assert "New password" in text(client.get(form))
    assert "too short" in text(client.post(form, {"password1": "x", "password2": "x"}))
    done = text(client.post(form, {"password1": NEW, "password2": NEW}, follow=True))
    assert "Your new password counts from now on" in done
    assert elsewhere.get("/dashboard/").status_code == 302
    assert "This link no longer works" in text(Client().get(address))
    assert can_log_in(alice.email, NEW) and not can_log_in(alice.email, PASSWORD)


def test_a_made_up_link_is_refused_with_words(client: Client, alice: User) -> None:
    assert "This link no longer works" in text(client.get("/accounts/password/reset/key/1-set-password/", follow=True))
    assert "This link no longer works" in text(client.get("/accounts/password/reset/key/zz-0000-abc/", follow=True))


def test_a_password_is_changed_by_who_knows_it_and_others_are_logged_out(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    client.force_login(alice)
    elsewhere = Client()
    elsewhere.force_login(alice)
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    path = reverse("account_change_password")
    assert "type your current password" in text(client.post(path, form | {"oldpassword": "wrong"}))
    assert client.post(path, form).status_code == 302
    assert client.get("/dashboard/").status_code == 200
    assert elsewhere.get("/dashboard/").status_code == 302
    assert "password" in mailoutbox[-1].subject.lower()
