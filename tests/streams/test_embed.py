from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest
from django.test import Client

from accounts.models import Channel
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]

PAGE = "http://testserver/@alice/"


def ask(client: Client, url: str, more: str = "") -> tuple[int, dict[str, object]]:
    response = client.get(f"/oembed?url={quote(url, safe='')}{more}")
    return response.status_code, response.json()


def test_the_embed_page_alone_may_be_framed(client: Client, channel: Channel) -> None:
    embedded, page = client.get("/embed/alice/"), client.get("/@alice/")
    assert "frame-ancestors *" in embedded["Content-Security-Policy"] and "X-Frame-Options" not in embedded
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"] and page["X-Frame-Options"] == "DENY"


def test_the_embed_page_has_the_player_and_leads_to_the_channel(client: Client, channel: Channel) -> None:
    page = text(client.get("/embed/alice/"))
    assert '<live-player channel="alice"' in page and f'href="{PAGE}"' in page
    assert "chat" not in re.sub(r'"live/chat[^,]*,', "", page)


def test_the_embed_page_of_nobody_is_not_there(client: Client) -> None:
    assert client.get("/embed/nobody/").status_code == 404


def test_a_channel_s_page_leads_to_its_card(client: Client, channel: Channel) -> None:
    [address] = re.findall(r'type="application/json\+oembed" href="([^"]+)"', text(client.get("/@alice/")))
    card = client.get(html.unescape(address)).json()
    assert (card["type"], card["version"], card["author_name"]) == ("video", "1.0", "alice")
    assert 'src="http://testserver/embed/alice/"' in card["html"]
    assert card["thumbnail_url"] == "http://testserver/live/alice/thumbnail.jpg"


def test_a_title_stays_text_in_the_code(client: Client, channel: Channel) -> None:
    channel.title = '"><script>alert(1)</script>'
    channel.save()
    assert "<script>" not in str(ask(client, PAGE)[1]["html"])
    assert "<script>alert" not in text(client.get("/@alice/"))


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ("", (1280, 720)),
        ("&maxwidth=640", (640, 360)),
        ("&maxheight=180", (320, 180)),
        ("&maxwidth=640&maxheight=90", (160, 90)),
    ],
)
def test_the_picture_fits_where_it_is_wanted(client: Client, channel: Channel, more: str, size: tuple[int, int]) -> None:
    card = ask(client, PAGE, more)[1]
    assert (card["width"], card["height"]) == size


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://testserver/@nobody/", 404),
        ("http://mallory.example/@alice/", 400),
        ("http://testserver/", 400),
        ("http://testserver/@alice/follow/", 400),
        ("javascript://testserver/@alice/", 400),
        ("http://[", 400),
        ("", 400),
    ],
)
def test_other_addresses_are_refused_with_words(client: Client, channel: Channel, url: str, status: int) -> None:
    found, answer = ask(client, url)
    assert (found, bool(answer["error"])) == (status, True)


@pytest.mark.parametrize(("more", "status"), [("&maxwidth=-1", 400), ("&maxheight=1e3", 400), ("&format=xml", 501)])
def test_what_it_cannot_give_is_refused(client: Client, channel: Channel, more: str, status: int) -> None:
    assert ask(client, PAGE, more)[0] == status
