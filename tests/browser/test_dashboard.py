from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.conftest import Visitor

KEY = re.compile(r"live_[0-9a-f]{8}_[0-9a-f]{40}")


def test_from_sign_up_to_a_copied_key(alice: Visitor) -> None:
    alice.sign_up()
    page = alice.page
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("heading", name="Your new key")).to_be_focused()
    copy = page.locator("copy-button[for=copy-fresh-url] button")
    copy.click()
    expect(copy).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(re.escape(alice.site.rtmp_url) + "/" + KEY.pattern, copied)
    expect(copy).to_have_text(re.compile(r"^Copy Both in one URL"))
    page.reload()
    assert not KEY.search(page.content())
    expect(page.get_by_role("region", name="Stream keys")).to_contain_text("Active")


def test_a_key_is_revoked_after_a_question(alice: Visitor) -> None:
    alice.sign_up()
    page = alice.page
    page.get_by_role("button", name="Make a key").click()
    questions: list[str] = []

    def agree(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.accept()

    page.once("dialog", agree)
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("region", name="Stream keys")).to_contain_text("Revoked")
    assert questions and "Revoke this key?" in questions[0]


def test_it_works_without_scripts(alice_without_scripts: Visitor) -> None:
    alice = alice_without_scripts
    alice.sign_up()
    alice.page.get_by_role("button", name="Make a key").click()
    expect(alice.page.get_by_label("Stream key", exact=True)).to_have_value(KEY)
    alice.page.get_by_role("button", name="Revoke").click()
    expect(alice.page.get_by_role("region", name="Stream keys")).to_contain_text("Revoked")


def test_it_says_when_the_site_does_not_answer(alice: Visitor) -> None:
    alice.sign_up()
    lost = alice.page.get_by_text("The site does not answer. Trying again…")
    expect(lost).to_be_hidden()
    alice.page.context.set_offline(True)
    expect(lost).to_be_visible(timeout=10_000)
    alice.page.context.set_offline(False)
    expect(lost).to_be_hidden(timeout=10_000)


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_the_window(alice: Visitor, width: int) -> None:
    alice.page.set_viewport_size({"width": width, "height": 800})
    alice.sign_up()
    alice.page.get_by_role("button", name="Make a key").click()
    expect(alice.page.get_by_role("heading", name="Your new key")).to_be_visible()
    for path in [None, "/", f"/@{alice.name}/", "/accounts/password/change/", "/accounts/email/", "/nowhere/"]:
        if path:
            alice.open(path)
        assert alice.page.evaluate("document.documentElement.scrollWidth") <= width, path
