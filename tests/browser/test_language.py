"""Somebody chooses German in the footer: pages and scripts speak it from then on."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visitor


def choose(visitor: Visitor, language: str) -> None:
    visitor.page.get_by_role("contentinfo").get_by_role("button", name=language).click()


def test_the_watch_page_and_its_chat_speak_what_was_chosen_in_the_footer(alice: Visitor) -> None:
    errors: list[str] = []
    alice.page.on("pageerror", lambda error: errors.append(str(error)))
    alice.page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    alice.sign_up()
    alice.open(f"/@{alice.name}/")
    choose(alice, "Deutsch")
    page = alice.page
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator(".live-player-words")).to_contain_text("ist offline. Diese Seite startet von selbst")
    expect(page.locator("chat-panel[data-connection=open]")).to_be_attached()
    expect(page.locator(".chat-here")).to_have_text("1 hier")
    expect(page.locator(".chat-empty")).to_have_text("Noch hat niemand etwas geschrieben.")
    expect(page.get_by_role("button", name="Schutzschild")).to_be_visible()
    page.get_by_placeholder("Schreib etwas").fill("/slow immer")
    expect(page.locator(".chat-hints")).to_contain_text("so viele Sekunden zwischen zwei Nachrichten")
    page.get_by_role("button", name="Senden").click()
    expect(page.locator(".chat-refused")).to_have_text("So geht es: /slow 10 | off")
    choose(alice, "English")
    expect(page.locator(".chat-here")).to_have_text("1 here")
    assert errors == []


def test_it_is_chosen_without_scripts_as_well(alice_without_scripts: Visitor) -> None:
    alice_without_scripts.open("/?q=nobody")
    choose(alice_without_scripts, "Deutsch")
    expect(alice_without_scripts.page.get_by_text("Nichts gefunden.")).to_be_visible()
    assert alice_without_scripts.page.url.endswith("/?q=nobody")


def test_scripts_stay_light_in_german(alice: Visitor) -> None:
    sizes: dict[str, int] = {}
    alice.page.on("requestfinished", lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}))
    alice.open("/")
    choose(alice, "Deutsch")
    alice.page.wait_for_load_state("networkidle")
    words = [size for url, size in sizes.items() if "/words/de/" in url]
    assert len(words) == 1 and words[0] < 10_000
