"""Who tries too often is told when to come again; while nobody can be counted, nobody tries."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account import app_settings as allauth
from allauth.account.models import EmailAddress
from allauth.mfa import app_settings as mfa
from allauth.mfa.models import Authenticator
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver
from pytest_django import Settings

from accounts.limits import POSTS
from accounts.models import User
from tests.accounts.test_password import reset
from tests.accounts.test_second_factor import AUTHENTICATE, recovery_code
from tests.cast import PASSWORD, can_log_in
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
LOGIN, SIGN_UP, FORGOTTEN = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"
EMAIL, REAUTHENTICATE = "/accounts/email/", "/accounts/reauthenticate/"


def visitor(address: str) -> Client:
    return Client(headers={"X-Forwarded-For": address})


def log_in(email: str, password: str, address: str = "203.0.113.7") -> Any:
    return visitor(address).post(LOGIN, {"login": email, "password": password})


def refused(answer: Any, within_s: int = 60) -> bool:
    """With the page that says so, and when to come again."""
    if answer.status_code != 429:
        return False
    assert "more than anybody needs" in text(answer)
    assert 1 <= int(answer["Retry-After"]) <= within_s
    return True


def until_refused(post: Callable[[], Any], within_s: int = 60) -> int:
    """So many were let through."""
    return next(number for number in range(100) if refused(post(), within_s))


# --- of an address --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (LOGIN, 30),
        (SIGN_UP, 20),
        (FORGOTTEN, 20),
        ("/accounts/password/reset/key/1-set-password/", 20),
        ("/accounts/2fa/webauthn/login/", 10),
    ],
)
def test_an_address_tries_so_often_a_minute(db: None, path: str, most: int) -> None:
    assert until_refused(lambda: visitor("2001:db8::1").post(path, {})) == most
    assert refused(visitor("2001:db8::2").post(path, {}))
    assert not refused(visitor("203.0.113.8").post(path, {}))


def test_any_method_counts_that_may_change_something_and_none_that_looks(client: Client) -> None:
    for _ in range(40):
        assert client.get(LOGIN).status_code == client.head(LOGIN).status_code == 200
    assert until_refused(lambda: client.put(LOGIN)) == 30
    assert client.get(LOGIN).status_code == 200


def test_a_forgotten_password_is_mailed_about_so_often_whoever_asks(alice: User, mailoutbox: list[EmailMessage]) -> None:
    spellings = iter(["alice@example.org", "ALICE@example.org", " Alice@Example.org"] * 2)
    addresses = iter(f"203.0.113.{number}" for number in range(9))
    assert until_refused(lambda: visitor(next(addresses)).post(FORGOTTEN, {"email": next(spellings)})) == 5
    assert len(mailoutbox) == 5


# --- of an account --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "most"),
    [(EMAIL, 10), (REAUTHENTICATE, 10), ("/accounts/2fa/reauthenticate/", 10), ("/accounts/password/change/", 5)],
)
def test_an_account_tries_so_often_a_minute_wherever_it_is_logged_in(alice: User, bob: User, path: str, most: int) -> None:
    addresses = iter(f"203.0.113.{number}" for number in range(20))

    def post(user: User) -> Any:
        client = visitor(next(addresses))
        client.force_login(user)
        return client.post(path, {})

    assert until_refused(lambda: post(alice)) == most
    assert not refused(post(bob))


def test_whoever_is_not_logged_in_is_sent_to_the_login_as_ever(client: Client) -> None:
    assert {client.post(EMAIL, {})["Location"] for _ in range(12)} == {f"{LOGIN}?next={EMAIL}"}


def test_a_mail_to_confirm_an_address_goes_once_in_three_minutes(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client.force_login(alice)
    client.post(REAUTHENTICATE, {"password": PASSWORD})
    client.post(EMAIL, {"action_add": "", "email": "alicia@example.org"})
    assert refused(client.post(EMAIL, {"action_send": "", "email": "Alicia@example.org"}), within_s=180)
    assert client.post(EMAIL, {"action_remove": "", "email": "alicia@example.org"}).status_code == 302
    assert client.post(EMAIL, {"action_add": "", "email": "alison@example.org"}).status_code == 302
    assert [mail.to for mail in mailoutbox if mail.to != [alice.email]] == [["alicia@example.org"], ["alison@example.org"]]


def test_a_login_that_waits_for_a_confirmation_is_no_way_to_send_mails(
    alice: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    for _ in range(3):
        assert log_in(alice.email, PASSWORD)["Location"] == "/accounts/confirm-email/"
    assert [mail.to for mail in mailoutbox] == [[alice.email]]


def test_a_sign_up_with_anothers_address_is_no_way_to_send_mails(
    alice: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    for number in range(3):
        form = {"email": alice.email, "channel": f"dora_{number}", "password1": PASSWORD}
        assert visitor("203.0.113.7").post(SIGN_UP, form)["Location"] == "/accounts/confirm-email/"
    assert [mail.to for mail in mailoutbox] == [[alice.email]]


# --- guesses --------------------------------------------------------------------------------------------------------------


def test_a_password_is_guessed_five_times_from_wherever_and_however_its_address_is_written(alice: User, bob: User) -> None:
    spellings = iter(["alice@example.org", "ALICE@example.org"] * 4)
    addresses = iter(f"203.0.113.{number}" for number in range(9))
    assert until_refused(lambda: log_in(next(spellings), "wrong", next(addresses)), within_s=300) == 5
    assert refused(log_in(alice.email, PASSWORD), within_s=300)
    assert log_in(bob.email, PASSWORD).status_code == 302


def test_an_address_guesses_ten_times_a_minute_whatever_accounts_it_tries(alice: User) -> None:
    accounts = iter(f"nobody{number}@example.org" for number in range(20))
    assert until_refused(lambda: log_in(next(accounts), "wrong")) == 10
    assert log_in(alice.email, PASSWORD, "203.0.113.8").status_code == 302


def test_who_knows_the_password_is_no_guesser(alice: User) -> None:
    assert {log_in(alice.email, PASSWORD).status_code for _ in range(12)} == {302}


def test_a_success_of_ones_own_now_and_then_does_not_let_one_guess_on(alice: User, mallory: User) -> None:
    def guess() -> Any:
        log_in(mallory.email, PASSWORD)
        return log_in(alice.email, "wrong")

    assert until_refused(guess, within_s=300) == 5


@pytest.mark.django_db(transaction=True)
def test_guesses_that_come_at_the_same_time_are_counted_as_well(alice: User) -> None:
    def guess(number: int) -> int:
        try:
            return int(log_in(alice.email, "wrong", f"203.0.113.{number}").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(guess, range(24))) == [200] * 5 + [429] * 19


def test_a_password_that_is_asked_for_once_more_is_guessed_at_no_more_often(client: Client, alice: User) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client.force_login(alice)
    assert until_refused(lambda: client.post(REAUTHENTICATE, {"password": "wrong"}), within_s=300) == 5
    assert refused(log_in(alice.email, PASSWORD), within_s=300)


def test_a_new_password_by_mail_opens_the_account_at_once(alice: User, mailoutbox: list[EmailMessage]) -> None:
    for number in range(6):
        log_in(alice.email, "wrong", f"203.0.113.{number}")
    assert not can_log_in(alice.email)
    reset(Client(), alice, mailoutbox, "battery staple horse")
    assert can_log_in(alice.email, "battery staple horse")


@pytest.mark.parametrize("form", [{"code": "000000"}, {"credential": '{"id": 1}'}])
def test_a_second_factor_is_guessed_five_times_whatever_is_tried(client: Client, carol: User, form: dict[str, str]) -> None:
    client.post(LOGIN, {"login": carol.email, "password": PASSWORD})
    assert until_refused(lambda: client.post(AUTHENTICATE, form), within_s=300) == 5
    other = visitor("203.0.113.8")
    other.post(LOGIN, {"login": carol.email, "password": PASSWORD})
    assert refused(other.post(AUTHENTICATE, {"code": "000000"}), within_s=300)


@pytest.mark.parametrize("path", ["/accounts/2fa/reauthenticate/", "/accounts/2fa/webauthn/reauthenticate/"])
def test_a_second_factor_that_proves_who_it_is_is_guessed_five_times(client: Client, carol: User, path: str) -> None:
    client.force_login(carol)
    Authenticator.objects.create(user=carol, type="webauthn", data={"name": "a key", "credential": {}})
    form = {"code": "000000", "credential": '{"id": 1}'}
    assert until_refused(lambda: client.post(path, form), within_s=300) == 5


def test_an_app_that_is_set_up_is_guessed_at_five_times(client: Client, bob: User) -> None:
    client.post(LOGIN, {"login": bob.email, "password": PASSWORD})
    client.post(REAUTHENTICATE, {"password": PASSWORD})
    assert until_refused(lambda: client.post("/accounts/2fa/totp/activate/", {"code": "000000"}), within_s=300) == 5


def test_who_has_the_code_is_no_guesser(client: Client, carol: User) -> None:
    client.force_login(carol)
    client.post(REAUTHENTICATE, {"password": PASSWORD})
    client.post("/accounts/2fa/recovery-codes/generate/")
    for _ in range(8):
        client.post("/accounts/logout/")
        client.post(LOGIN, {"login": carol.email, "password": PASSWORD})
        assert client.post(AUTHENTICATE, {"code": recovery_code(client, carol)}).status_code == 302


# --- all of it ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (LOGIN, {"login": "alice@example.org", "password": PASSWORD}),
        (SIGN_UP, {"email": "dora@example.org", "channel": "dora", "password1": PASSWORD}),
        (FORGOTTEN, {"email": "alice@example.org"}),
    ],
)
def test_while_nobody_can_be_counted_nobody_tries_and_is_told_when_to_come_again(
    alice: User, settings: Settings, mailoutbox: list[EmailMessage], path: str, form: dict[str, str]
) -> None:
    settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0"
    client = Client(raise_request_exception=False)
    answer = client.post(path, form)
    assert answer.status_code == 503 and answer["Retry-After"] == "60" and "Try again in a minute" in text(answer)
    assert client.get(path).status_code == 200
    assert "_auth_user_id" not in client.session and mailoutbox == [] and User.objects.count() == 1


def names(patterns: Any) -> set[str]:
    return {
        name
        for each in patterns
        for name in ([each.name] if isinstance(each, URLPattern) else names(each.url_patterns))
        if name is not None
    }


def test_each_name_that_is_limited_is_there() -> None:
    assert POSTS.keys() - names(get_resolver().url_patterns) == set()


def test_allauth_would_limit_nothing_else(settings: Settings) -> None:
    """A version that limits more, or knows better how often, is seen here."""
    assert allauth.RATE_LIMITS == mfa.RATE_LIMITS == {}
    del settings.ACCOUNT_RATE_LIMITS, settings.MFA_RATE_LIMITS
    assert not allauth.LOGIN_BY_CODE_ENABLED and "phone" not in allauth.SIGNUP_FIELDS
    not_here = {"change_phone", "verify_phone", "request_login_code"}
    assert {name: rate for name, rate in allauth.RATE_LIMITS.items() if name not in not_here} == {
        "change_password": "5/m/user",
        "manage_email": "10/m/user",
        "reset_password": "20/m/ip,5/m/key",
        "reauthenticate": "10/m/user",
        "reset_password_from_key": "20/m/ip",
        "signup": "20/m/ip",
        "login": "30/m/ip",
        "login_failed": "10/m/ip,5/300s/key",
        "confirm_email": "1/180s/key",
    }
    assert mfa.RATE_LIMITS == {"webauthn_login": "10/m/ip"}
