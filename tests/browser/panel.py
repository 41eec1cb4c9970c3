"""The chat's panel in Chromium: the channel's real page, and a server that says what the test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator

from tests.browser.room import Item, Room

Enter = Callable[..., Room]


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
