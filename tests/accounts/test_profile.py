from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Channel, User
from tests.accounts.images import SVG, picture, upload
from tests.pages import text

pytestmark = [
    pytest.mark.django_db(transaction=True),  # files go on commit
    pytest.mark.usefixtures("plain_static", "own_cache", "key_store", "media"),
]
PAGE = "/accounts/profile/"
LINKS = {"links-TOTAL_FORMS": "5", "links-INITIAL_FORMS": "0"}


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def at_home(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def save(client: Client, **fields: object) -> str:
    return text(client.post(PAGE, LINKS | fields, follow=True))


def avatar() -> str:
    return str(Channel.objects.get(name="alice").avatar.name)


def test_a_picture_is_made_anew_shown_and_replaced(at_home: Client, media: Path) -> None:
    assert 'avatar-large" aria-hidden="true">A</span>' in text(at_home.get(PAGE))
    page = save(at_home, avatar=upload(picture("JPEG")))
    first = avatar()
    assert "Saved." in page and f'src="/media/{first}"' in page
    save(at_home, avatar=upload(picture("PNG")))
    second = avatar()
    assert second != first
    assert [path.name for path in media.rglob("*.webp")] == [Path(second).name]


def test_a_picture_is_removed(at_home: Client, media: Path) -> None:
    save(at_home, avatar=upload(picture("JPEG")))
    save(at_home, remove="on")
    assert avatar() == "" and list(media.rglob("*.webp")) == []


def test_saving_something_else_keeps_the_picture(at_home: Client) -> None:
    save(at_home, avatar=upload(picture("JPEG")))
    before = avatar()
    save(at_home)
    assert avatar() == before


def test_what_is_no_picture_changes_nothing(at_home: Client, media: Path) -> None:
    save(at_home, avatar=upload(picture("JPEG")))
    before = avatar()
    page = save(at_home, avatar=upload(SVG, "me.svg", "image/svg+xml"))
    assert "cannot be read as a picture" in page and before in page
    assert avatar() == before and len(list(media.rglob("*"))) == 2


def test_links_are_kept_in_their_order(at_home: Client) -> None:
    page = save(
        at_home,
        **{"links-0-label": "My <site>", "links-0-url": "https://example.org/me", "links-3-url": "http://example.net/"},
    )
    assert "Saved." in page and "My &lt;site&gt;" in page
    assert Channel.objects.get(name="alice").links == [
        {"label": "My <site>", "url": "https://example.org/me"},
        {"label": "http://example.net/", "url": "http://example.net/"},
    ]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://example.org", "x"])
def test_a_link_that_is_no_page_is_refused(at_home: Client, url: str) -> None:
    assert "Give a whole address" in save(at_home, **{"links-0-label": "x", "links-0-url": url})
    assert Channel.objects.get(name="alice").links == []


def test_words_without_an_address_are_refused_and_so_is_a_sixth_link(at_home: Client) -> None:
    assert "Give the address" in save(at_home, **{"links-0-label": "x"})
    many = {f"links-{n}-url": "https://example.org/" for n in range(9)} | {"links-TOTAL_FORMS": "9"}
    save(at_home, **many)
    assert len(Channel.objects.get(name="alice").links) <= 5


def test_nothing_else_can_be_set(at_home: Client, alice: User, bob: User) -> None:
    save(at_home, name="admin", owner=bob.pk, suspended_until="", is_staff="on", notified_at="2000-01-01", id=bob.channel.pk)
    found = Channel.objects.get(owner=alice)
    assert (found.name, found.owner_id, found.notified_at) == ("alice", alice.pk, None)
    assert not User.objects.get(pk=alice.pk).is_staff
    save(at_home, avatar="avatars/somebody-elses.webp")
    assert avatar() == ""


def test_a_picture_is_served_to_be_kept_and_nothing_else_is(at_home: Client, media: Path) -> None:
    save(at_home, avatar=upload(picture("JPEG")))
    response = Client().get(f"/media/{avatar()}")
    assert response.status_code == 200
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert "immutable" in response["Cache-Control"] and "sandbox" in response["Content-Security-Policy"]
    assert "Set-Cookie" not in response
    (media / "avatars" / "evil_evil.svg").write_bytes(SVG)
    (media / "secret_file.webp").write_bytes(b"x")
    for path in (
        "avatars/evil_evil.svg",
        "secret_file.webp",
        "avatars/../secret_file.webp",
        "avatars/",
        "avatars/gone_gone.webp",
    ):
        assert Client().get(f"/media/{path}").status_code == 404
    assert Client().post(f"/media/{avatar()}").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        *("profile/", "data/export/", "data/delete/", "sessions/1/end/", "sessions/", "email/", "password/change/"),
        *("2fa/totp/activate/", "2fa/webauthn/add/", "2fa/recovery-codes/generate/", "login/", "signup/", "password/reset/"),
    ],
)
def test_another_sites_form_does_nothing(alice: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    if path not in ("login/", "signup/", "password/reset/"):
        client.force_login(alice)
    assert client.post(f"/accounts/{path}", {}).status_code == 403


@pytest.mark.parametrize(
    "evil", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "https:evil.example"]
)
@pytest.mark.parametrize("path", ["login/", "signup/", "reauthenticate/", "logout/", "password/reset/", "2fa/webauthn/login/"])
def test_nobody_is_led_away(alice: User, path: str, evil: str) -> None:
    client = Client()
    if path in ("reauthenticate/", "logout/"):
        client.force_login(alice)
    form = {"login": alice.email, "password": "correct horse battery", "email": "new@example.org", "channel": "newbie"}
    response = client.post(f"/accounts/{path}?next={evil}", form | {"password1": "correct horse battery", "next": evil})
    assert "evil" not in response.headers.get("Location", "")
