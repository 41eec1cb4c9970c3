"""Who guesses passwords slowly is stopped as well, and told so."""

from __future__ import annotations

import datetime as dt

import pytest
from axes.models import AccessAttempt
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.accounts.test_password import reset
from tests.cast import PASSWORD, can_log_in
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
HERE, THERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture(autouse=True)
def patient(settings: Settings) -> None:
    """Who is too fast is stopped before (test_limits); here is who takes their time."""
    settings.AXES_FAILURE_LIMIT = 3


def log_in(email: str, password: str, address: str = HERE) -> tuple[int, str]:
    client = Client(headers={"X-Forwarded-For": address})
    response = client.post("/accounts/login/", {"login": email, "password": password})
    return response.status_code, text(response)


def test_an_account_is_shut_for_a_while_however_its_address_is_written(alice: User) -> None:
    for n, email in enumerate(["alice@example.org", "ALICE@example.org", "Alice@Example.org"]):
        log_in(email, "wrong", f"203.0.113.{n}")
    status, page = log_in(alice.email, PASSWORD, "203.0.113.99")
    assert status == 429 and "failed to log in too often" in page


def test_an_address_is_shut_for_a_while_whatever_accounts_it_tries(alice: User, bob: User) -> None:
    for n in range(3):
        log_in(f"nobody{n}@example.org", "wrong")
    assert log_in(alice.email, PASSWORD)[0] == 429
    assert log_in(bob.email, PASSWORD, THERE)[0] == 302


def test_a_success_of_ones_own_now_and_then_does_not_let_one_guess_on(alice: User, mallory: User) -> None:
    for _ in range(3):
        log_in(alice.email, "wrong")
        log_in(mallory.email, PASSWORD)
    assert log_in(alice.email, PASSWORD)[0] == 429


def test_it_passes(alice: User) -> None:
    for _ in range(3):
        log_in(alice.email, "wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(hours=1, seconds=1))
    assert log_in(alice.email, PASSWORD)[0] == 302


def test_a_new_password_by_mail_opens_the_account_at_once(alice: User, mailoutbox: list[EmailMessage]) -> None:
    for n in range(3):
        log_in(alice.email, "wrong", f"203.0.113.{n}")
    assert not can_log_in(alice.email)
    AccessAttempt.objects.filter(ip_address="127.0.0.1").delete()
    reset(Client(), alice, mailoutbox, "battery staple horse")
    assert can_log_in(alice.email, "battery staple horse")


def test_what_is_noted_holds_no_password_and_no_address_of_mail(alice: User) -> None:
    log_in(alice.email, "wrong-but-nearly-right")
    noted = str(AccessAttempt.objects.values("post_data", "get_data").get())
    assert "nearly" not in noted and "alice" not in noted
    assert AccessAttempt.objects.get().ip_address == HERE
