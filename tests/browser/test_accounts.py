"""Passkeys and pictures in Chromium, with an authenticator of its own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import CDPSession, expect

from tests.accounts.images import SVG, picture
from tests.browser.conftest import PASSWORD, Visitor


@pytest.fixture
def device(alice: Visitor) -> CDPSession:
    """That knows her finger."""
    session = alice.page.context.new_cdp_session(alice.page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": options | {"isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    return session


def add_passkey(visitor: Visitor) -> None:
    visitor.open("/accounts/2fa/webauthn/add/")
    visitor.page.fill("[name=password]", PASSWORD)
    visitor.page.get_by_role("button", name="Go on").click()
    visitor.page.get_by_label("Name").fill("My <b>phone</b>")
    visitor.page.get_by_role("button", name="Add it").click()
    expect(visitor.page.get_by_role("heading", name="Recovery codes")).to_be_visible()


def log_out(visitor: Visitor) -> None:
    banner = visitor.page.get_by_role("banner")
    banner.locator(".menu summary").click()
    banner.get_by_role("button", name="Log out").click()
    expect(visitor.page.get_by_role("link", name="Sign up").first).to_be_visible()


def test_a_passkey_logs_in_alone(alice: Visitor, device: CDPSession) -> None:
    alice.sign_up()
    add_passkey(alice)
    alice.open("/accounts/2fa/webauthn/")
    expect(alice.page.get_by_text("My <b>phone</b>")).to_be_visible()
    log_out(alice)
    alice.open("/accounts/login/")
    alice.page.get_by_role("button", name="Log in with a passkey").click()
    alice.page.wait_for_url("**/dashboard/")


def test_a_passkey_is_the_second_factor_after_a_password(alice: Visitor, device: CDPSession) -> None:
    alice.sign_up()
    add_passkey(alice)
    log_out(alice)
    alice.open("/accounts/login/")
    alice.page.fill("[name=login]", f"{alice.name}@example.org")
    alice.page.fill("[name=password]", PASSWORD)
    alice.page.get_by_role("button", name="Log in", exact=True).click()
    expect(alice.page.get_by_role("heading", name="Second factor")).to_be_visible()
    alice.page.get_by_role("button", name="Use a passkey").click()
    alice.page.wait_for_url("**/dashboard/")


def test_a_device_that_says_no_is_answered_with_words(alice: Visitor) -> None:
    session = alice.page.context.new_cdp_session(alice.page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options | {"isUserVerified": False}})
    alice.open("/accounts/login/")
    alice.page.get_by_role("button", name="Log in with a passkey").click()
    expect(alice.page.get_by_text(re.compile("Nothing was done"))).to_be_visible()
    expect(alice.page.get_by_role("button", name="Log in with a passkey")).to_be_enabled()


def test_a_picture_goes_through_the_edge_and_comes_back(alice: Visitor) -> None:
    alice.sign_up()
    alice.open("/accounts/profile/")
    large = picture("PNG", (1600, 1200)) + bytes(4_000_000)
    alice.page.set_input_files("[name=avatar]", {"name": "me.png", "mimeType": "image/png", "buffer": large})
    alice.page.get_by_role("button", name="Save").click()
    expect(alice.page.get_by_text("Saved.")).to_be_visible()
    shown = alice.page.locator("main .avatar-large img")
    assert shown.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [256, 256]
    kept = alice.page.request.get(f"{alice.site.url}{shown.get_attribute('src')}")
    assert kept.headers["content-type"] == "image/webp" and "immutable" in kept.headers["cache-control"]
    alice.page.set_input_files("[name=avatar]", {"name": "me.svg", "mimeType": "image/svg+xml", "buffer": SVG})
    alice.page.get_by_role("button", name="Save").click()
    expect(alice.page.get_by_text("cannot be read as a picture")).to_be_visible()
    expect(shown).to_be_visible()
