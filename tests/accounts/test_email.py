from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import User
from tests.cast import PASSWORD
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
PAGE = "/accounts/email/"


@pytest.fixture
def at_page(client: Client, alice: User) -> Client:
    """Alice, who has just proved that it is her; her address is confirmed."""
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client.force_login(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_session_that_lies_open_changes_no_address(client: Client, alice: User, mailoutbox: list[EmailMessage]) -> None:
    client.force_login(alice)
    response = client.post(PAGE, {"action_add": "", "email": "mallory@example.org"})
    assert response["Location"].startswith("/accounts/reauthenticate/")
    assert mailoutbox == [] and "mallory" not in text(client.get(PAGE))


def confirmation(mailoutbox: list[EmailMessage], to: str) -> str:
    body = next(str(mail.body) for mail in mailoutbox if mail.to == [to])
    found = re.search(r"/accounts/confirm-email/\S+", body)
    assert found
    return found[0]


def test_an_address_changes_when_the_new_one_is_confirmed_by_a_post(
    at_page: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    at_page.post(PAGE, {"action_add": "", "email": "Alicia@Example.org"})
    address = confirmation(mailoutbox, "alicia@example.org")
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    assert "Is alicia@example.org your address?" in text(Client().get(address))
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    at_page.post(address)
    alice.refresh_from_db()
    assert alice.email == "alicia@example.org"
    assert any(mail.to == ["alice@example.org"] for mail in mailoutbox)


def test_a_change_can_be_taken_back(at_page: Client, alice: User, mailoutbox: list[EmailMessage]) -> None:
    at_page.post(PAGE, {"action_add": "", "email": "alicia@example.org"})
    assert "alicia@example.org" in text(at_page.get(PAGE))
    at_page.post(PAGE, {"action_remove": "", "email": "alicia@example.org"})
    assert "This link no longer works" in text(at_page.get(confirmation(mailoutbox, "alicia@example.org")))


def test_the_address_of_somebody_else_is_not_taken(at_page: Client, bob: User, alice: User) -> None:
    at_page.post(PAGE, {"action_add": "", "email": bob.email})
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    assert not EmailAddress.objects.filter(user=alice, email=bob.email, verified=True).exists()


@pytest.mark.parametrize("email", ["", "alice", "a@b\r\nBcc: c@example.org", "<script>@x"])
def test_what_is_no_address_is_refused(at_page: Client, alice: User, email: str) -> None:
    assert "errorlist" in text(at_page.post(PAGE, {"action_add": "", "email": email}))
    assert EmailAddress.objects.filter(user=alice).count() == 1


def test_a_confirmation_that_is_made_up_is_refused_with_words(client: Client) -> None:
    assert "This link no longer works" in text(client.get("/accounts/confirm-email/MQ:abc:def/"))
