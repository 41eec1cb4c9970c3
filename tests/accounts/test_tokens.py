from __future__ import annotations

import datetime as dt
import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import personal, purge
from accounts.models import ApiToken, User
from streams import moderation
from tests.cast import PASSWORD, join
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
PAGE = "/accounts/tokens/"
ASKED = {"name": "My <b>bot</b>", "scopes": ["read", "keys"], "expires": "30"}


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def proven(user: User) -> Client:
    """Who has just said the password again."""
    client = logged_in(user)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def made(client: Client, **changed: object) -> str:
    page = text(client.post(f"{PAGE}new/", ASKED | changed))
    found = re.search(r'value="(api_[0-9a-f]{64})"', page)
    assert found, page
    return found[1]


def program(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


def status(token: str) -> int:
    return program(token).get("/api/v1/me/").status_code


def test_a_token_is_shown_once_and_works(alice: User) -> None:
    client = proven(alice)
    token = made(client)
    assert program(token).get("/api/v1/me/").json()["email"] == alice.email
    page = text(client.get(PAGE))
    assert token not in page and "My &lt;b&gt;bot&lt;/b&gt;" in page and token[:15] in page and "last used" in page
    kept = ApiToken.objects.get()
    assert token[15:] not in str(ApiToken.objects.values()) and kept.scopes == ["read", "keys"]
    assert kept.expiry and dt.timedelta(days=29) < kept.expiry - timezone.now() < dt.timedelta(days=31)


def test_its_making_is_told_by_mail(alice: User) -> None:
    made(proven(alice))
    assert "A token was made" in mail.outbox[0].subject and "My <b>bot</b>" in mail.outbox[0].body


def test_whoever_makes_one_proves_first_that_it_is_them(alice: User) -> None:
    response = logged_in(alice).post(f"{PAGE}new/", ASKED)
    assert response.status_code == 302 and "/accounts/reauthenticate/" in response["Location"]
    assert not ApiToken.objects.exists()


def test_staff_need_a_second_factor_for_one(alice: User) -> None:
    alice.is_staff = True
    alice.save()
    response = proven(alice).post(f"{PAGE}new/", ASKED)
    assert response.status_code == 302 and not ApiToken.objects.exists()
    assert join("carol", is_staff=True).auth_token_set.count() == 0


@pytest.mark.parametrize("wrong", [{"scopes": []}, {"scopes": ["all"]}, {"name": ""}, {"expires": "99999"}])
def test_odd_wishes_are_refused(alice: User, wrong: dict[str, object]) -> None:
    page = text(proven(alice).post(f"{PAGE}new/", ASKED | wrong))
    assert "errorlist" in page and not ApiToken.objects.exists()


def test_there_are_only_so_many(alice: User) -> None:
    for _ in range(50):
        ApiToken.objects.create(alice, name="one", scopes=["read"])
    assert "revoke one first" in text(proven(alice).post(f"{PAGE}new/", ASKED))


def test_a_token_is_revoked_by_its_owner_alone(alice: User, mallory: User) -> None:
    client = proven(alice)
    token = made(client)
    assert logged_in(mallory).post(f"{PAGE}{token[:15]}/revoke/").status_code == 404
    assert status(token) == 200
    client.post(f"{PAGE}{token[:15]}/revoke/")
    assert status(token) == 401


def test_a_new_password_ends_all_tokens(alice: User) -> None:
    token = made(proven(alice))
    alice.first_name = "Alice"
    alice.save()
    assert status(token) == 200
    alice.set_password("another good one")
    alice.save()
    assert status(token) == 401


def test_a_hash_that_is_made_anew_does_not(alice: User, settings: Settings) -> None:
    token = made(proven(alice))
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    before = User.objects.get(pk=alice.pk)
    assert before.check_password(PASSWORD)
    assert User.objects.get(pk=alice.pk).password.startswith("pbkdf2") and status(token) == 200


def test_a_ban_ends_them_for_good(alice: User, carol: User) -> None:
    token = made(proven(alice))
    moderation.ban(alice, "spam", carol, timezone.now())
    assert status(token) == 401
    moderation.unban(alice, "a mistake", carol, timezone.now())
    assert status(token) == 401


def test_one_of_a_closed_account_does_not_count(alice: User) -> None:
    token = made(proven(alice))
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert status(token) == 401


def test_one_of_a_suspended_channel_rests(alice: User, carol: User) -> None:
    token = made(proven(alice))
    moderation.suspend(alice.channel, timezone.now() + dt.timedelta(hours=1), "spam", carol, timezone.now())
    answer = program(token).get("/api/v1/me/")
    assert answer.status_code == 401 and "suspended" in answer.json()["detail"]
    moderation.lift(alice.channel, "talked", carol, timezone.now())
    assert status(token) == 200


def test_an_expired_one_does_not_count_and_is_forgotten(alice: User) -> None:
    token = made(proven(alice))
    ApiToken.objects.update(expiry=timezone.now() - dt.timedelta(seconds=1))
    other = ApiToken.objects.create(alice, name="other", scopes=["read"], expiry=None)[1]
    purge.tokens(timezone.now())
    assert [token.name for token in ApiToken.objects.all()] == ["other"]
    assert (status(token), status(other)) == (401, 200)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer api_\xff", "Bearer api_" + "0" * 64, "Bearer a b", "Bearer api_\0"]
)
def test_what_is_no_token_is_refused(client: Client, db: None, header: str) -> None:
    answer = client.get("/api/v1/live/", headers={"Authorization": header})
    assert answer.status_code == 401 and answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"


def test_they_are_among_a_persons_data(alice: User) -> None:
    token = made(proven(alice))
    found = personal.export(alice)["tokens"]
    assert [each["name"] for each in found] == ["My <b>bot</b>"] and token[15:] not in str(found)
