"""The chat's panel by keyboard and by ear, and reactions."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.panel import Enter, enter, row
from tests.browser.room import ALICE, BOB, CAROL, MALLORY, SETTINGS

__all__ = ["enter"]


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
