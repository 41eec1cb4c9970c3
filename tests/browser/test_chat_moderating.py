"""What moderators do in the chat's panel, and what others cannot."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.panel import Enter, choose, enter, row, write
from tests.browser.room import ALICE, BOB, CAROL, MALLORY, SETTINGS, Item

__all__ = ["enter"]


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
