"""What the chat's panel shows of what is said, and when."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.panel import Enter, choose, enter, row, rows, write
from tests.browser.room import ALICE, BOB, CAROL, MALLORY, SETTINGS, person

__all__ = ["enter"]

HOSTILE = ["<img src=x onerror=pwn()>", "<script>pwn()</script>", "'\"><svg onload=pwn()>", "javascript:pwn()"]
PICTURE = """
(date) => {
  const player = document.querySelector("live-player");
  Object.defineProperty(player, "hls", { value: { get playingDate() { return new Date(window.picture); } } });
  Object.defineProperty(player.video, "paused", { value: false });
  window.picture = date;
}
"""


def test_a_stranger_reads_and_is_shown_the_way_in(enter: Enter) -> None:
    room = enter(None, items=[{"t": "msg", "n": 1, "by": BOB, "text": "hello", "at": 1}], last=1)
    expect(rows(room)).to_contain_text(["bob: hello"])
    expect(room.page.get_by_role("link", name="Log in to chat")).to_have_attribute("href", "/accounts/login/?next=/@alice/")
    expect(room.page.locator("textarea")).to_have_count(0)
    expect(room.page.get_by_text("42 here")).to_be_visible()


def test_an_empty_room_says_so(enter: Enter) -> None:
    room = enter(BOB)
    expect(room.page.get_by_text("Nobody has said anything yet.")).to_be_visible()
    room.say(ALICE, "now")
    expect(room.page.get_by_text("Nobody has said anything yet.")).to_be_hidden()


def test_messages_have_badges_links_mentions_and_what_they_answer(enter: Enter) -> None:
    room = enter(BOB)
    asked = room.say(CAROL, "where is it, @bob?", mentions=["bob"])
    room.say(ALICE, "see https://example.org/a.", re=asked["n"])
    expect(row(room, "where is it")).to_contain_text("Mod carol: where is it, @bob?")
    expect(row(room, "where is it")).to_have_class("chat-message chat-for-you")
    expect(row(room, "see")).to_contain_text("Reply to carol where is it, @bob?")
    link = row(room, "see").get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/a")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow ugc")


def test_it_says_when_the_stream_begins_and_ends(enter: Enter) -> None:
    room = enter(BOB)
    room.tell(room.numbered(t="sys", kind="live", at=1), room.numbered(t="sys", kind="ended", at=2))
    expect(room.page.locator(".chat-system")).to_have_text(["alice is live", "The stream has ended"])


def test_it_keeps_the_last_two_hundred_in_order(enter: Enter) -> None:
    room = enter(BOB)
    room.tell(*(room.said(ALICE, f"message {n}") for n in range(300)))
    expect(rows(room)).to_have_count(200)
    expect(rows(room).first).to_contain_text("message 100")
    expect(rows(room).last).to_contain_text("message 299")
    expect(rows(room).last).to_be_in_viewport()


def test_it_does_not_scroll_away_from_who_reads(enter: Enter) -> None:
    room = enter(BOB)
    room.tell(*(room.said(ALICE, f"message {n}") for n in range(60)))
    expect(row(room, "message 59")).to_be_in_viewport()
    room.page.locator(".chat-scroll").evaluate("(box) => (box.scrollTop = 0)")
    expect(row(room, "message 0")).to_be_in_viewport()
    room.page.wait_for_timeout(100)
    room.say(ALICE, "one more")
    room.say(ALICE, "and another")
    button = room.page.get_by_role("button", name="2 new messages")
    expect(button).to_be_visible()
    expect(row(room, "message 0")).to_be_in_viewport()
    button.click()
    expect(row(room, "and another")).to_be_in_viewport()
    expect(button).to_be_hidden()


def test_a_message_that_comes_twice_is_shown_once(enter: Enter) -> None:
    room = enter(BOB)
    item = room.say(ALICE, "once")
    room.tell(item, room.said(ALICE, "twice"))
    expect(rows(room)).to_contain_text(["once", "twice"])
    expect(rows(room)).to_have_count(2)


def test_another_log_begins_anew(enter: Enter) -> None:
    room = enter(BOB)
    room.say(ALICE, "before")
    room.n = 0
    fresh = room.said(ALICE, "after")
    room.tell(room.welcome({}) | {"epoch": "k4", "items": [fresh], "last": 1})
    expect(rows(room)).to_contain_text(["after"])


def test_what_is_taken_back_is_gone_from_everywhere(enter: Enter) -> None:
    room = enter(BOB)
    bad = room.say(MALLORY, "an offence")
    room.say(ALICE, "please do not", re=bad["n"])
    room.tell(room.numbered(t="pin", of=bad["n"], msg=bad))
    expect(room.page.locator("chat-pin")).to_contain_text("an offence")
    choose(room, "an offence", "Reply")
    room.tell(room.numbered(t="del", of=[bad["n"]]))
    expect(row(room, "please do not")).to_contain_text("Reply to a deleted message")
    assert "an offence" not in room.page.content()
    for text in ("one", "two"):
        room.say(MALLORY, text)
    room.tell(room.numbered(t="purge", user=MALLORY["id"]))
    expect(rows(room)).to_have_count(1)
    room.tell(room.numbered(t="clear"))
    expect(rows(room)).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 390, 360])
def test_it_fits_the_window(enter: Enter, width: int) -> None:
    room = enter(ALICE, width)
    room.tell({"t": "queue", "id": 7, "by": MALLORY, "text": "w" * 300, "reason": "links", "at": 1})
    room.tell(*(room.said(MALLORY, "w" * 400) for _ in range(5)))
    write(room, "/ban mallory")
    expect(rows(room)).to_have_count(5)
    assert room.page.evaluate("document.documentElement.scrollWidth") <= width
    expect(room.page.get_by_label("Message", exact=True)).to_be_in_viewport()
    expect(room.page.locator("live-player")).to_be_in_viewport()


CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const luminance = (text) => {
    const [r, g, b] = channels(text).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = getComputedStyle(document.querySelector("chat-panel")).backgroundColor;
  return [...document.querySelectorAll(".chat-name")].map((name) => {
    const [dark, light] = [luminance(getComputedStyle(name).color), luminance(behind)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybodys_name_can_be_read(enter: Enter, scheme: Any) -> None:
    room = enter(BOB)
    room.page.emulate_media(color_scheme=scheme)
    room.tell(*(room.said(person(number, f"user-{number}"), "hi") for number in range(100)))
    expect(rows(room)).to_have_count(100)
    assert min(room.page.evaluate(CONTRASTS)) >= 4.5


WHOLE = """() => {
  const box = document.querySelector(".chat-scroll").getBoundingClientRect();
  const isWhole = ({ top, bottom }) => top >= box.top - 1 && bottom <= Math.min(box.bottom, innerHeight) + 1;
  return [...document.querySelectorAll(".chat-message")].filter((row) => isWhole(row.getBoundingClientRect())).length;
}"""


@pytest.mark.parametrize("is_open", [False, True])
def test_a_moderator_on_a_phone_still_reads(enter: Enter, is_open: bool) -> None:
    room = enter(ALICE, 360)
    room.page.set_viewport_size({"width": 360, "height": 740})
    for number in range(3):
        room.tell({"t": "queue", "id": number, "by": MALLORY, "text": "see x.example", "reason": "links", "at": 1})
    said = [room.said(BOB, f"message {number}") for number in range(12)]
    room.tell(*said, room.numbered(t="pin", of=said[0]["n"], msg=said[0] | {"text": "Be kind. " * 20}))
    waiting = room.page.get_by_text("3 messages wait for you")
    expect(waiting).to_be_visible()
    expect(room.page.get_by_role("button", name="Approve").first).to_be_hidden()
    if is_open:
        waiting.click()
        expect(room.page.get_by_role("button", name="Approve").first).to_be_in_viewport(ratio=0.9)
    expect(room.page.get_by_label("Message", exact=True)).to_be_in_viewport(ratio=1)
    expect(rows(room).last).to_be_in_viewport()
    assert room.page.evaluate(WHOLE) >= 4


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_comes_from_a_server_is_read_as_html(enter: Enter, text: str) -> None:
    """Not even what it promises is a name, a role or a number."""
    room = enter(ALICE)
    room.page.evaluate("() => { window.pwned = 0; window.pwn = () => (window.pwned += 1); }")
    odd = {"id": text, "name": text, "role": text}
    said = room.say(odd, text, mentions=[text])
    room.say(odd, text, re=said["n"])
    room.tell({"t": "queue", "id": 1, "by": odd, "text": text, "reason": text, "at": 1})
    room.tell(room.numbered(t="pin", of=said["n"], msg=said), room.numbered(t="sys", kind=text, at=1))
    room.tell(room.numbered(t="room", settings=SETTINGS | {"slow_s": text, "followers_only_s": text, "emoji": [text]}))
    room.tell({"t": "rx", "counts": {text: 3}}, {"t": "here", "count": text})
    rows(room).last.hover()
    rows(room).last.get_by_role("button", name="Actions").click()
    room.page.get_by_role("menuitem", name="Report…").click()
    dialog = room.page.get_by_role("dialog")
    expect(dialog).to_contain_text(text)
    dialog.get_by_role("button", name="Report").click()
    room.tell({"t": "no", "nonce": room.next("report")["nonce"], "code": text})
    expect(room.page.locator(".chat-note")).to_contain_text(text)
    assert room.page.evaluate("window.pwned") == 0
    assert room.page.locator("chat-panel").locator("img, script, svg").count() == 0


# --- the picture ----------------------------------------------------------------------------------------------------------


def test_a_message_is_shown_when_the_picture_gets_there(enter: Enter) -> None:
    room = enter(BOB)
    now = int(time.time() * 1000)
    room.page.evaluate(PICTURE, now - 3000)
    room.say(ALICE, "goal!", media=now - 1000)
    room.say(CAROL, "no picture here")
    write(room, "my own")
    frame = room.next("say")
    assert frame["media"] == now - 3000
    room.tell({"t": "ok", "nonce": frame["nonce"], "n": room.n + 1}, room.said(BOB, "my own", media=now))
    expect(rows(room)).to_contain_text(["no picture here", "my own"])
    room.page.wait_for_timeout(500)
    expect(row(room, "goal!")).to_have_count(0)
    room.page.evaluate("(date) => (window.picture = date)", now - 900)
    expect(rows(room)).to_contain_text(["goal!", "no picture here", "my own"])


def test_a_room_may_show_messages_at_once(enter: Enter) -> None:
    room = enter(BOB, settings=SETTINGS | {"delay_to_picture": False})
    now = int(time.time() * 1000)
    room.page.evaluate(PICTURE, now - 30_000)
    room.say(ALICE, "goal!", media=now)
    expect(rows(room)).to_contain_text(["goal!"])
