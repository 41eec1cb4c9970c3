"""What a viewer sets: by keys and buttons, and for the next time."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor

OFFER = """document.querySelector("quality-menu").offer([
  { name: "360p", width: 640, height: 360 }, { name: "720p", width: 1280, height: 720 }], true)"""


@pytest.fixture
def watching(alice: Visitor) -> Page:
    alice.sign_up()
    open_page(alice)
    return alice.page


def open_page(visitor: Visitor) -> None:
    visitor.open(f"/@{visitor.name}/")
    expect(visitor.page.locator("media-play-button")).to_have_attribute("aria-label", "play")  # the keys come with it


def muted(page: Page) -> bool:
    return page.evaluate("document.querySelector('live-player video').muted")


def test_volume_is_remembered(alice: Visitor, watching: Page) -> None:
    watching.keyboard.press("m")
    watching.evaluate("document.querySelector('live-player video').volume = 0.4")
    watching.wait_for_function("() => JSON.parse(localStorage.player ?? '{}').volume === 0.4")
    open_page(alice)
    assert muted(watching)
    assert watching.evaluate("document.querySelector('live-player video').volume") == 0.4


def test_a_quality_is_remembered_and_sound_alone_is_not(alice: Visitor, watching: Page) -> None:
    watching.evaluate(OFFER)
    menu = watching.get_by_label("Quality")
    menu.select_option("360p")
    menu.select_option("audio")
    open_page(alice)
    watching.evaluate(OFFER)
    expect(menu).to_have_value("360p")


def test_keys_do_nothing_while_somebody_writes(watching: Page) -> None:
    watching.get_by_label("Search for channels").press("m")
    assert not muted(watching)
    watching.get_by_role("main").press("m")
    assert muted(watching)


def test_keys_of_the_browser_stay_the_browser_s(watching: Page) -> None:
    watching.keyboard.press("Control+m")
    assert not muted(watching)


def test_theatre_leaves_the_picture_and_the_chat(watching: Page) -> None:
    watching.keyboard.press("t")
    expect(watching.locator(".site-header")).to_be_hidden()
    expect(watching.get_by_placeholder("Say something")).to_be_visible()
    assert watching.evaluate("document.querySelector('live-player').clientHeight === innerHeight")
    button = watching.get_by_role("button", name="Theatre mode")
    expect(button).to_have_attribute("aria-pressed", "true")
    watching.keyboard.press("t")
    expect(watching.locator(".site-header")).to_be_visible()


def test_the_list_of_keys_opens_and_closes(watching: Page) -> None:
    watching.keyboard.press("?")
    keys = watching.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Theatre mode")
    watching.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_arrows_change_the_volume_where_the_player_has_the_focus(watching: Page) -> None:
    watching.locator("body").press("ArrowDown")
    volume = "document.querySelector('live-player video').volume"
    assert watching.evaluate(volume) == 1
    watching.keyboard.press("t")
    watching.locator("body").press("ArrowDown")
    assert watching.evaluate(volume) == pytest.approx(0.95)


def test_a_phone_shows_the_chat_or_what_the_channel_says_of_itself(alice: Visitor, watching: Page) -> None:
    watching.set_viewport_size({"width": 390, "height": 844})
    about, chat = watching.get_by_role("heading", name=f"About {alice.name}"), watching.get_by_role("heading", name="Chat")
    expect(about).to_be_visible()
    expect(chat).to_be_hidden()
    watching.get_by_role("link", name="Chat").click()
    expect(chat).to_be_visible()
    expect(about).to_be_hidden()
    assert watching.evaluate("scrollY") == 0


def test_the_theme_changes_at_once_and_stays(alice: Visitor, watching: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    before = watching.evaluate(colour)
    watching.get_by_role("group", name="Colours").get_by_role("button", name="Dark").click()
    watching.wait_for_function(f"() => {colour} !== '{before}'")
    dark = watching.evaluate(colour)
    open_page(alice)
    assert watching.evaluate(colour) == dark
