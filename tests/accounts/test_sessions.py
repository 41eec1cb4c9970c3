from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import User
from accounts.templatetags.browsers import browser
from tests.cast import PASSWORD
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
PAGE = "/accounts/sessions/"


def logged_in(user: User, browser: str) -> Client:
    client = Client(headers={"User-Agent": browser, "X-Forwarded-For": "203.0.113.7"})
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_sessions_are_listed_and_one_is_ended(alice: User) -> None:
    here, phone = logged_in(alice, "Firefox <b>"), logged_in(alice, "Phone")
    page = text(here.get(PAGE))
    assert "Firefox &lt;b&gt;" in page and "Phone" in page and "203.0.113.7" in page and "this one" in page
    here.post(f"{PAGE}{UserSession.objects.get(user_agent='Phone').pk}/end/")
    assert phone.get("/dashboard/").status_code == 302
    assert here.get("/dashboard/").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML) Chrome/140.0 Safari/537.36",
            "Chrome on Linux",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        ("curl/8.0", "curl/8.0"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_its_user_calls_it(user_agent: str, words: str) -> None:
    assert browser(user_agent) == words


def test_all_others_are_ended(alice: User) -> None:
    here, phone, tablet = (logged_in(alice, name) for name in ("Firefox", "Phone", "Tablet"))
    here.post(PAGE)
    assert [client.get("/dashboard/").status_code for client in (here, phone, tablet)] == [200, 302, 302]


def test_the_session_that_one_is_in_is_not_ended_by_mistake(alice: User) -> None:
    here = logged_in(alice, "Firefox")
    page = text(here.post(f"{PAGE}{UserSession.objects.get().pk}/end/", follow=True))
    assert "log out to end it" in page


def test_nobody_ends_the_session_of_somebody_else(alice: User, mallory: User) -> None:
    here, other = logged_in(alice, "Firefox"), logged_in(mallory, "Evil")
    assert other.post(f"{PAGE}{UserSession.objects.get(user=alice).pk}/end/").status_code == 404
    assert here.get("/dashboard/").status_code == 200
    assert here.get(f"{PAGE}1/end/").status_code == 405
