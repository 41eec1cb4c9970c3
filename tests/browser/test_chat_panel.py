"""The chat's panel in Chromium: the channel's real page, and a server that says what the test wants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from tests.browser.room import ALICE, BOB, CAROL, HOST, MALLORY, SETTINGS, Item, Room, person

Enter = Callable[..., Room]

HOSTILE = ["<img src=x onerror=pwn()>", "<script>pwn()</script>", "'\"><svg onload=pwn()>", "javascript:pwn()"]
PICTURE = """
(date) => {
  const player = document.querySelector("live-player");
  Object.defineProperty(player, "hls", { value: { get playingDate() { return new Date(window.picture); } } });
  Object.defineProperty(player.video, "paused", { value: false });
  window.picture = date;
}
"""


@pytest.fixture
def enter(chromium: Browser) -> Iterator[Enter]:
    """Somebody opens the page (None: a stranger); what is named is said in the welcome."""
    contexts: list[BrowserContext] = []

    def enter(person: Item | None, width: int = 1280, reduced_motion: Any = None, **welcome: Any) -> Room:
        viewport: Any = {"width": width, "height": 800}
        contexts.append(chromium.new_context(viewport=viewport, reduced_motion=reduced_motion))
        room = Room(contexts[-1].new_page(), person)
        room.page.on("pageerror", lambda error: room.errors.append(str(error)))
        room.welcomes = welcome
        room.open()
        rooms.append(room)
        return room

    rooms: list[Room] = []
    yield enter
    assert [room.errors for room in rooms] == [[] for _ in rooms]
    for context in contexts:
        context.close()


def rows(room: Room) -> Locator:
    return room.page.locator(".chat-message")


def row(room: Room, text: str) -> Locator:
    return rows(room).filter(has=room.page.locator(".chat-text", has_text=text))


def write(room: Room, text: str) -> None:
    room.page.get_by_label("Message", exact=True).fill(text)
    room.page.keyboard.press("Enter")


def choose(room: Room, text: str, action: str) -> None:
    row(room, text).hover()
    row(room, text).get_by_role("button", name="Actions").click()
    room.page.get_by_role("menuitem", name=action, exact=True).click()


# --- reading --------------------------------------------------------------------------------------------------------------


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


# --- writing --------------------------------------------------------------------------------------------------------------


def test_one_s_own_message_is_there_at_once_and_only_once(enter: Enter) -> None:
    room = enter(BOB)
    write(room, "  hello   there ")
    expect(rows(room)).to_contain_text(["bob: hello   there"])
    frame = room.next("say")
    room.say(BOB, "hello   there")  # before the answer, as it comes by another way
    expect(rows(room)).to_have_count(1)
    room.tell({"t": "ok", "nonce": frame["nonce"], "n": room.n})
    expect(rows(room)).to_have_count(1)
    expect(room.page.locator(".chat-draft")).to_have_count(0)
    write(room, "again")
    frame = room.next("say")
    room.tell({"t": "ok", "nonce": frame["nonce"], "n": room.n + 1}, room.said(BOB, "again, as the server has it"))
    expect(rows(room)).to_contain_text(["hello", "again, as the server has it"])
    expect(rows(room)).to_have_count(2)


def test_a_refused_message_says_why_and_can_be_sent_again(enter: Enter) -> None:
    room = enter(BOB)
    write(room, "hello")
    first = room.next("say")
    room.tell({"t": "no", "nonce": first["nonce"], "code": "followers"})
    expect(row(room, "hello")).to_contain_text("Not sent. Only followers write here.")
    row(room, "hello").get_by_role("button", name="Try again").click()
    second = room.next("say")
    assert second["text"] == "hello" and second["nonce"] != first["nonce"]
    room.tell({"t": "no", "nonce": second["nonce"], "code": "term"})
    row(room, "hello").get_by_role("button", name="Discard").click()
    expect(rows(room)).to_have_count(0)


def test_a_held_message_says_so_until_it_is_let_through(enter: Enter) -> None:
    room = enter(BOB)
    write(room, "see example.org/x")
    room.tell({"t": "held", "nonce": room.next("say")["nonce"]})
    expect(rows(room)).to_contain_text(["A moderator looks at it before others see it."])
    room.say(BOB, "see example.org/x")
    expect(rows(room)).to_have_count(1)
    expect(room.page.get_by_text("A moderator looks")).to_have_count(0)


def test_a_timeout_is_told_at_once_and_ends_by_itself(enter: Enter) -> None:
    room = enter(BOB)
    box = room.page.get_by_label("Message", exact=True)
    box.fill("half a sent")
    room.tell({"t": "out", "code": "timeout", "wait_ms": 1500})
    expect(box).to_be_hidden()
    reason = "You are in a timeout: you can read on, and write again at"
    expect(room.page.locator("chat-compose").get_by_role("status").first).to_contain_text(reason)
    expect(room.page.locator(".chat-note")).to_contain_text([reason])
    expect(box).to_be_enabled()
    expect(box).to_have_value("half a sent")
    expect(room.page.locator(".chat-note")).to_contain_text([reason, "Your timeout is over"])
    room.tell({"t": "out", "code": "timeout", "wait_ms": 600_000})
    expect(box).to_be_hidden()
    room.tell({"t": "out", "code": None, "wait_ms": None})
    expect(box).to_be_enabled()


def test_a_timeout_that_ended_while_nobody_was_connected_is_over(enter: Enter) -> None:
    room = enter(BOB)
    room.tell({"t": "out", "code": "timeout", "wait_ms": 600_000})
    expect(room.page.get_by_label("Message", exact=True)).to_be_hidden()
    room.sockets[-1].close(code=1006)
    expect(room.page.get_by_label("Message", exact=True)).to_be_enabled()


def test_emoji_are_chosen_by_keyboard_and_loaded_when_they_are_wanted(enter: Enter) -> None:
    room = enter(BOB)
    asked: list[str] = []
    room.page.on("request", lambda request: asked.append(request.url))
    box, opener = room.page.get_by_label("Message", exact=True), room.page.get_by_role("button", name="Emoji")
    box.fill("well done !")
    box.evaluate("(box) => box.setSelectionRange(10, 10)")
    opener.focus()
    room.page.keyboard.press("Enter")
    picker = room.page.get_by_role("dialog", name="Emoji")
    expect(picker.get_by_role("button", name="grinning")).to_be_focused()
    assert [url for url in asked if "chat-emoji" in url]
    expect(opener).to_have_attribute("aria-expanded", "true")
    for key in ("ArrowRight", "Enter", "ArrowDown", "Enter"):
        room.page.keyboard.press(key)
    expect(box).to_have_value("well done 😂🥳!")
    room.page.keyboard.press("Escape")
    expect(picker).to_be_hidden()
    expect(opener).to_be_focused()
    write(room, "well done 😂")
    assert room.next("say")["text"] == "well done 😂"


def test_emoji_are_chosen_on_a_phone(enter: Enter) -> None:
    room = enter(BOB, 360)
    room.page.get_by_role("button", name="Emoji").click()
    room.page.get_by_role("dialog", name="Emoji").get_by_role("button", name="fire").click()
    expect(room.page.get_by_label("Message", exact=True)).to_have_value("🔥")
    expect(room.page.get_by_role("button", name="Send")).to_be_enabled()
    assert room.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_slow_mode_is_counted_down(enter: Enter) -> None:
    room = enter(BOB, settings=SETTINGS | {"slow_s": 2})
    expect(room.page.get_by_text("Slow mode 2 s")).to_be_visible()
    write(room, "one")
    room.tell({"t": "ok", "nonce": room.next("say")["nonce"], "n": 1})
    room.page.get_by_label("Message", exact=True).fill("two")
    expect(room.page.get_by_role("button", name="You can write again in 2 s")).to_be_disabled()
    expect(room.page.get_by_role("button", name="Send")).to_be_enabled()


def test_it_counts_what_is_left(enter: Enter) -> None:
    room = enter(BOB)
    box = room.page.get_by_label("Message", exact=True)
    box.fill("🙂" * 495)
    expect(room.page.locator(".chat-counter")).to_have_text("5")
    box.fill("🙂" * 501)
    expect(room.page.locator(".chat-counter")).to_have_text("-1")
    expect(room.page.get_by_role("button", name="Send")).to_be_disabled()


def test_a_reply_says_what_it_answers(enter: Enter) -> None:
    room = enter(BOB)
    asked = room.say(ALICE, "how is the sound?")
    choose(room, "how is the sound?", "Reply")
    expect(room.page.get_by_label("Message", exact=True)).to_be_focused()
    room.page.keyboard.type("fine")
    room.page.keyboard.press("Enter")
    assert room.next("say")["re"] == asked["n"]
    expect(row(room, "fine")).to_contain_text("Reply to alice how is the sound?")
    write(room, "and more")
    assert "re" not in room.next("say")


def test_who_is_not_logged_in_any_more_is_told(enter: Enter) -> None:
    room = enter(BOB, you=None)
    expect(room.page.get_by_role("link", name="Log in again")).to_be_visible()
    expect(room.page.get_by_label("Message", exact=True)).to_be_disabled()


# --- the connection -------------------------------------------------------------------------------------------------------


def test_it_comes_back_with_what_it_has_and_sends_what_was_not_answered(enter: Enter) -> None:
    room = enter(BOB)
    room.say(ALICE, "before")
    write(room, "are you there?")
    first = room.next("say")
    room.tell({"t": "bye", "retry_ms": 300, "reason": "restart"})
    missed = [room.said(ALICE, "missed"), room.said(ALICE, "this, too")]
    room.welcomes = {"reset": False, "items": missed, "last": room.n}
    room.sockets[-1].close(code=1012)
    expect(room.page.get_by_role("status").filter(has_text="The chat restarts")).to_be_visible()
    room.next("hello")
    hello = room.next("hello")
    assert (hello["epoch"], hello["last"]) == ("k3", 1)
    assert room.next("say") == first
    expect(rows(room)).to_contain_text(["before", "missed", "this, too", "are you there?"])
    expect(room.page.locator(".chat-state")).to_be_empty()


def test_what_the_log_has_by_then_is_not_sent_again(enter: Enter) -> None:
    room = enter(BOB)
    write(room, "hello")
    room.next("say")
    room.welcomes = {"reset": False, "items": [room.said(BOB, "hello")], "last": 1}
    room.sockets[-1].close(code=1006)
    room.until(lambda: len(room.sockets) == 2)
    expect(room.page.locator(".chat-draft")).to_have_count(0)
    expect(rows(room)).to_have_count(1)


def test_what_is_written_without_a_connection_waits_for_it(enter: Enter) -> None:
    room = enter(BOB)
    room.tell({"t": "bye", "retry_ms": 60_000, "reason": "restart"})
    room.sockets[-1].close(code=1012)
    expect(room.page.get_by_text("The chat restarts. Trying again in 60 s…")).to_be_visible()
    write(room, "hello")
    expect(rows(room)).to_contain_text(["Sending…"])
    room.page.get_by_role("button", name="Try now").click()
    assert room.next("say")["text"] == "hello"


def test_a_deed_without_an_answer_is_not_repeated(enter: Enter) -> None:
    room = enter(ALICE)
    room.say(MALLORY, "spam")
    choose(room, "spam", "Delete message")
    room.next("mod")
    room.sockets[-1].close(code=1006)
    expect(room.page.get_by_text("The connection was lost before there was an answer.").last).to_be_visible()
    assert not [frame for frame in room.frames if frame["t"] == "mod"]


def test_slow_mode_ends_when_it_is_turned_off(enter: Enter) -> None:
    room = enter(BOB, settings=SETTINGS | {"slow_s": 60})
    write(room, "one")
    room.tell({"t": "ok", "nonce": room.next("say")["nonce"], "n": 1})
    room.page.get_by_label("Message", exact=True).fill("two")
    expect(room.page.get_by_role("button", name="You can write again in 60 s")).to_be_disabled()
    room.tell(room.numbered(t="room", settings=SETTINGS))
    expect(room.page.get_by_role("button", name="Send")).to_be_enabled()


def test_it_says_when_its_scripts_do_not_come(chromium: Browser) -> None:
    room = Room(chromium.new_page(), BOB)
    room.page.route("**/chat-panel.js", lambda route: route.abort())
    room.page.goto(f"{HOST}/@alice/")
    expect(room.page.get_by_text("The chat could not be loaded. Reload the page to try again.")).to_be_visible()


def test_whoever_is_banned_stays_out(enter: Enter) -> None:
    room = enter(MALLORY)
    room.tell({"t": "bye", "retry_ms": 10, "reason": "banned"})
    room.sockets[-1].close(code=4001)
    expect(room.page.get_by_text("You are banned from this room.")).to_be_visible()
    room.page.wait_for_timeout(500)
    assert len(room.sockets) == 1
    room.page.get_by_role("button", name="Try now").click()
    room.until(lambda: len(room.sockets) == 2)
    expect(room.page.get_by_text("You are banned from this room.")).to_be_hidden()


def test_it_says_when_there_is_no_network_and_comes_back_with_it(enter: Enter) -> None:
    room = enter(BOB)
    room.page.context.set_offline(True)
    expect(room.page.get_by_text("You are offline.")).to_be_visible()
    room.page.context.set_offline(False)
    room.until(lambda: len(room.sockets) == 2)
    expect(room.page.locator(".chat-state")).to_be_empty()


# --- moderating -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Delete message", {"do": "delete", "of": 1}),
        ("Pin on top", {"do": "pin", "of": 1}),
        ("Timeout 10 min", {"do": "timeout", "user": "u4", "seconds": 600}),
        ("Ban", {"do": "ban", "user": "u4"}),
        ("Delete all of their messages", {"do": "purge", "user": "u4"}),
        ("Lift timeout or ban", {"do": "absolve", "user": "u4"}),
        ("Make VIP", {"do": "role", "user": "u4", "role": "vip"}),
    ],
)
def test_the_menu_of_a_message_asks_for_it(enter: Enter, action: str, fields: Item) -> None:
    room = enter(ALICE)
    room.say(MALLORY, "spam")
    choose(room, "spam", action)
    frame = room.next("mod")
    assert frame == {"t": "mod", "nonce": frame["nonce"], **fields}


def test_a_ban_can_be_undone_in_one_click(enter: Enter) -> None:
    room = enter(ALICE)
    room.say(MALLORY, "spam")
    choose(room, "spam", "Ban")
    room.tell({"t": "ok", "nonce": room.next("mod")["nonce"]})
    note = room.page.locator(".chat-note")
    expect(note).to_contain_text("mallory is banned.")
    note.get_by_role("button", name="Undo").click()
    frame = room.next("mod")
    assert (frame["do"], frame["user"]) == ("absolve", "u4")
    room.tell({"t": "no", "nonce": frame["nonce"], "code": "forbidden"})
    expect(note).to_contain_text("That is not for you to do")


def test_commands_are_for_moderators(enter: Enter) -> None:
    room = enter(BOB)
    write(room, "/ban mallory")
    expect(room.page.get_by_text("Commands are for moderators.")).to_be_visible()
    expect(room.page.get_by_label("Message", exact=True)).to_have_value("/ban mallory")
    room.tell({"t": "role", "role": "mod"})
    room.say(MALLORY, "spam")
    write(room, "/ban mallory enough")
    frame = room.next("mod")
    assert (frame["do"], frame["user"], frame["reason"]) == ("ban", "u4", "enough")
    write(room, "//ban is a command")
    assert room.next("say")["text"] == "/ban is a command"
    write(room, "/help")
    expect(room.page.locator(".chat-note")).to_contain_text(["/timeout name [10m] [reason]"])


def test_pin_says_it_and_pins_it(enter: Enter) -> None:
    room = enter(ALICE)
    write(room, "/pin Back in five minutes")
    frame = room.next("say")
    assert frame["text"] == "Back in five minutes"
    item = room.said(ALICE, "Back in five minutes")
    room.tell({"t": "ok", "nonce": frame["nonce"], "n": item["n"]}, item)
    assert room.next("mod")["of"] == item["n"]
    room.tell(room.numbered(t="pin", of=item["n"], msg=item))
    expect(room.page.locator("chat-pin")).to_contain_text("alice: Back in five minutes")
    room.page.get_by_role("button", name="Unpin").click()
    assert room.next("mod")["do"] == "unpin"
    room.tell(room.numbered(t="pin", of=None))
    expect(room.page.locator("chat-pin")).to_be_hidden()


def test_moderators_decide_about_what_is_held(enter: Enter) -> None:
    room = enter(ALICE)
    for number in (7, 8):
        room.tell({"t": "queue", "id": number, "by": MALLORY, "text": f"see x.example/{number}", "reason": "links", "at": 1})
    expect(room.page.get_by_text("2 messages wait for you")).to_be_visible()
    room.page.get_by_role("button", name="Approve").first.click()
    assert {"do": "approve", "id": 7}.items() <= room.next("mod").items()
    room.tell({"t": "queue.done", "id": 7})
    room.page.get_by_role("button", name="Deny").click()
    assert {"do": "deny", "id": 8}.items() <= room.next("mod").items()
    room.tell({"t": "queue.done", "id": 8})
    expect(room.page.locator("chat-queue")).to_be_hidden()


def test_the_author_of_a_held_message_is_acted_on_from_the_queue_by_keyboard(enter: Enter) -> None:
    room = enter(CAROL)
    room.tell({"t": "queue", "id": 7, "by": MALLORY, "text": "see x.example", "reason": "links", "at": 1})
    room.page.get_by_role("button", name="More about mallory").focus()
    room.page.keyboard.press("Enter")
    expect(room.page.get_by_role("menuitem", name="Timeout 1 min")).to_be_focused()
    expect(room.page.get_by_role("menuitem", name="Reply")).to_have_count(0)
    room.page.get_by_role("menuitem", name="Timeout 10 min").press("Enter")
    frame = room.next("mod")
    assert (frame["do"], frame["user"], frame["seconds"]) == ("timeout", "u4", 600)
    room.page.get_by_role("button", name="More about mallory").click()
    room.page.get_by_role("menuitem", name="Ban", exact=True).click()
    assert room.next("mod")["do"] == "ban"


def test_a_site_moderator_bans_from_all_chats_and_undoes_it(enter: Enter) -> None:
    room = enter(CAROL | {"role": "staff"})
    room.say(MALLORY, "spam")
    choose(room, "spam", "Ban from all chats of the site")
    frame = room.next("mod")
    assert (frame["do"], frame["user"]) == ("site_ban", "u4")
    room.tell({"t": "ok", "nonce": frame["nonce"]})
    note = room.page.locator(".chat-note")
    expect(note).to_contain_text("mallory is banned from all chats of this site.")
    note.get_by_role("button", name="Undo").click()
    assert room.next("mod")["do"] == "site_absolve"


def test_the_chat_is_cleared_once_that_is_confirmed(enter: Enter) -> None:
    room = enter(CAROL)
    room.say(MALLORY, "spam")
    clear = room.page.get_by_role("button", name="Clear the chat")
    dialog = room.page.get_by_role("dialog", name="Clear the chat?")
    clear.click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    clear.focus()
    for key in ("Enter", "Shift+Tab", "Enter"):  # not by two presses of one key
        room.page.keyboard.press(key)
    assert room.next("mod")["do"] == "clear"
    assert not [frame for frame in room.frames if frame["t"] == "mod"]


def test_the_shield_goes_up_in_one_click(enter: Enter) -> None:
    room = enter(CAROL)
    shield = room.page.get_by_role("button", name="Shield")
    shield.click()
    assert {"do": "shield", "on": True}.items() <= room.next("mod").items()
    room.tell(room.numbered(t="room", settings=SETTINGS | {"shield": True}))
    expect(shield).to_have_attribute("aria-pressed", "true")
    expect(room.page.get_by_text("Shield up · Slow mode 10 s · Followers of 10 min or more")).to_be_visible()
    shield.click()
    assert {"do": "shield", "on": False}.items() <= room.next("mod").items()


def test_others_have_nothing_to_moderate_with(enter: Enter) -> None:
    room = enter(BOB)
    room.say(MALLORY, "spam")
    pinned = room.say(ALICE, "look here")
    room.tell(room.numbered(t="pin", of=pinned["n"], msg=pinned))
    expect(room.page.locator("chat-pin")).to_contain_text("look here")
    expect(room.page.get_by_role("button", name="Unpin")).to_have_count(0)
    expect(room.page.get_by_role("button", name="Shield")).to_be_hidden()
    expect(room.page.get_by_role("button", name="Clear the chat")).to_be_hidden()
    row(room, "spam").hover()
    row(room, "spam").get_by_role("button", name="Actions").click()
    expect(room.page.get_by_role("menuitem")).to_have_text(["Reply", "Report…"])


def test_a_message_is_reported_with_a_reason(enter: Enter) -> None:
    room = enter(BOB)
    bad = room.say(MALLORY, "an offence")
    choose(room, "an offence", "Report…")
    dialog = room.page.get_by_role("dialog")
    expect(dialog).to_contain_text("mallory: an offence")
    dialog.get_by_label("It attacks somebody").check()
    dialog.get_by_label("More, if it helps").fill("the third time")
    dialog.get_by_role("button", name="Report").click()
    frame = room.next("report")
    assert (frame["of"], frame["reason"]) == (bad["n"], "Harassment: the third time")
    room.tell({"t": "ok", "nonce": frame["nonce"]})
    expect(room.page.locator(".chat-note")).to_contain_text("The message of mallory is reported.")


# --- the keyboard, and who listens ----------------------------------------------------------------------------------------


def test_everything_is_done_by_keyboard(enter: Enter) -> None:
    room = enter(ALICE)
    for text in ("one", "two", "three"):
        room.say(MALLORY, text)
    keyboard = room.page.keyboard
    room.page.get_by_role("log").get_by_role("listitem").last.focus()
    keyboard.press("ArrowUp")
    expect(row(room, "two")).to_be_focused()
    keyboard.press("Enter")
    expect(room.page.get_by_role("menuitem", name="Reply")).to_be_focused()
    keyboard.press("ArrowUp")
    keyboard.press("ArrowDown")
    keyboard.press("Escape")
    expect(row(room, "two")).to_be_focused()
    keyboard.press("Enter")
    for _ in range(3):
        keyboard.press("ArrowDown")
    keyboard.press("Enter")
    frame = room.next("mod")
    assert (frame["do"], frame["of"]) == ("delete", 2)
    room.tell(room.numbered(t="del", of=[2]))
    expect(row(room, "three")).to_be_focused()
    keyboard.press("Escape")
    expect(room.page.get_by_label("Message", exact=True)).to_be_focused()


def test_a_screen_reader_hears_a_summary_of_a_fast_chat(enter: Enter) -> None:
    room = enter(BOB)
    log = room.page.get_by_role("log", name="Messages")
    expect(log).to_have_attribute("aria-live", "off")
    room.tell(*(room.said(ALICE, f"message {n}") for n in range(9)), room.said(CAROL, "hey @bob", mentions=["bob"]))
    said = room.page.locator("[aria-live=polite]")
    expect(said).to_have_text("Mod carol: hey @bob. 9 new messages. The last: Host alice: message 8")


# --- reactions ------------------------------------------------------------------------------------------------------------


def test_taps_are_counted_and_rise_over_the_picture(enter: Enter) -> None:
    room = enter(None)
    button = room.page.get_by_role("button", name="React with 👍")
    for _ in range(5):
        button.click()
    frames = [room.next("react")]
    room.page.wait_for_timeout(600)
    frames += [frame for frame in room.frames if frame["t"] == "react"]
    assert sum(frame["count"] for frame in frames) == 5 and len(frames) <= 4
    floats = room.page.locator("live-player .chat-floats span")
    expect(floats).to_have_count(5)
    room.tell({"t": "rx", "counts": {"👍": 5, "🎉": 2}})  # five of them are one's own
    expect(floats).to_have_count(7)
    expect(floats).to_have_count(0)


def test_who_wants_less_motion_sees_numbers(enter: Enter) -> None:
    room = enter(None, reduced_motion="reduce")
    room.tell({"t": "rx", "counts": {"👍": 5}}, {"t": "rx", "counts": {"👍": 2}})
    expect(room.page.locator("chat-reactions output").first).to_have_text("+7")
    expect(room.page.locator(".chat-floats")).to_have_count(0)


def test_the_room_s_own_emoji_are_offered(enter: Enter) -> None:
    room = enter(None)
    room.tell(room.numbered(t="room", settings=SETTINGS | {"emoji": ["🔥", "🐟"]}))
    expect(room.page.locator("chat-reactions button")).to_have_text(["🔥", "🐟"])
