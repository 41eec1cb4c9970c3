"""Authenticator apps, recovery codes, and what staff need; passkeys are tried in Chromium."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from accounts.adapters import MFAAdapter
from accounts.models import User
from tests.cast import PASSWORD, TOTP_SECRET, code_now
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
ACTIVATE, AUTHENTICATE = "/accounts/2fa/totp/activate/", "/accounts/2fa/authenticate/"


def log_in(client: Client, user: User) -> str:
    response = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return str(response["Location"])


def prove(client: Client, path: str) -> None:
    """What is important asks for the password once more."""
    confirm = client.get(path)["Location"]
    assert confirm.startswith("/accounts/reauthenticate/?next=")
    assert client.post(confirm, {"password": PASSWORD})["Location"] == path


def set_up(client: Client) -> str:
    prove(client, ACTIVATE)
    secret = re.search(r'id="authenticator_secret">(\w+)<', text(client.get(ACTIVATE)))
    assert secret
    assert client.post(ACTIVATE, {"code": code_now(secret[1])})["Location"] == "/accounts/2fa/recovery-codes/"
    return secret[1]


@pytest.mark.django_db(transaction=True)  # the mail goes on commit
def test_an_app_is_set_up_asked_for_and_turned_off(client: Client, bob: User, mailoutbox: list[EmailMessage]) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
    log_in(client, bob)
    secret = set_up(client)
    assert any("app" in mail.subject.lower() for mail in mailoutbox)
    client.post("/accounts/logout/")
    assert log_in(client, bob) == AUTHENTICATE
    assert "Incorrect code" in text(client.post(AUTHENTICATE, {"code": "000000"}))
    assert client.get("/dashboard/").status_code == 302
    own = Authenticator.objects.get(user=bob, type="totp")
    assert secret not in str(own.data)
    client.post(AUTHENTICATE, {"code": recovery_code(client, bob)})
    assert client.get("/dashboard/").status_code == 200
    prove(client, "/accounts/2fa/totp/deactivate/")
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=bob).exists()


def recovery_code(client: Client, user: User) -> str:
    codes: list[str] = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()
    return codes[0]


def test_a_recovery_code_lets_in_once(client: Client, carol: User) -> None:
    client.force_login(carol)
    prove(client, "/accounts/2fa/recovery-codes/generate/")
    client.post("/accounts/2fa/recovery-codes/generate/")
    page = text(client.get("/accounts/2fa/recovery-codes/"))
    code = recovery_code(client, carol)
    assert code in page
    for expected in (302, 200):
        client.post("/accounts/logout/")
        log_in(client, carol)
        assert client.post(AUTHENTICATE, {"code": code}).status_code == expected


def test_a_wrong_code_sets_nothing_up(client: Client, bob: User) -> None:
    log_in(client, bob)
    prove(client, ACTIVATE)
    assert "Incorrect code" in text(client.post(ACTIVATE, {"code": "000000"}))
    assert not Authenticator.objects.exists()


def test_codes_cannot_be_guessed_on_and_on(client: Client, carol: User) -> None:
    log_in(client, carol)
    answers = [text(client.post(AUTHENTICATE, {"code": "000000"})) for _ in range(6)]
    assert "Too many" in answers[-1]


def test_staff_without_a_second_factor_are_led_to_it(client: Client, carol: User, settings: Settings) -> None:
    Authenticator.objects.all().delete()
    client.force_login(carol)
    for path in ("/admin/", "/admin/accounts/user/"):
        assert client.get(path)["Location"] == "/accounts/2fa/"
    assert client.post(f"/admin/accounts/user/{carol.pk}/delete/", {"post": "yes"})["Location"] == "/accounts/2fa/"
    settings.STAFF_SECOND_FACTOR = False
    assert client.get("/admin/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(client: Client, carol: User) -> None:
    Authenticator.objects.update(type=Authenticator.Type.RECOVERY_CODES)
    client.force_login(carol)
    assert client.get("/admin/")["Location"] == "/accounts/2fa/"


def test_secrets_are_kept_so_that_the_database_alone_is_worth_nothing(carol: User, settings: Settings) -> None:
    kept = MFAAdapter().encrypt(TOTP_SECRET)
    assert TOTP_SECRET not in kept
    before, settings.SECRET_KEY = settings.SECRET_KEY, "x" * 40
    settings.SECRET_KEY_FALLBACKS = [before]
    assert MFAAdapter().decrypt(kept) == TOTP_SECRET


def test_passkeys_belong_to_the_host_of_the_public_address(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://live.example.org:8443"
    assert MFAAdapter().get_public_key_credential_rp_entity()["id"] == "live.example.org"


@pytest.mark.parametrize("junk", ["", "x", "{}", "[]", '{"id": 1}', '{"$ne": 1}', '{"response": {"userHandle": "MQ"}}'])
def test_a_passkey_that_is_none_lets_nobody_in(client: Client, bob: User, junk: str) -> None:
    client.get("/accounts/2fa/webauthn/login/", headers={"Accept": "application/json"})
    response = client.post("/accounts/2fa/webauthn/login/", {"credential": junk})
    assert response["Location"] == "/accounts/login/"
    assert client.get("/dashboard/").status_code == 302
