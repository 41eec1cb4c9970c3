"""The chat's panel when its connection is lost, refused or slow."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.panel import Enter, choose, enter, rows, write
from tests.browser.room import ALICE, BOB, HOST, MALLORY, SETTINGS, Room

__all__ = ["enter"]


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
