"""Writing in the chat's panel, and what becomes of what was written."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.panel import Enter, choose, enter, row, rows, write
from tests.browser.room import ALICE, BOB, SETTINGS

__all__ = ["enter"]


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
