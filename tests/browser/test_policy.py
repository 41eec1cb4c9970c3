"""Pages in Chromium, which tells of everything that the site's policy keeps from running."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.watched_pages import STRANGERS, furnish, paths

LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) =>
  window.violations.push([violatedDirective, blockedURI, sourceFile]));
"""


def visit(visitor: Visitor, path: str) -> None:
    visitor.open(path)
    visitor.page.wait_for_load_state("networkidle") if "/@" not in path and "/embed/" not in path else None
    if "/@" in path or "/embed/" in path:
        expect(visitor.page.locator("media-play-button")).to_have_attribute("aria-label", "play")
    assert visitor.page.evaluate("window.violations") == [], path


def test_pages_keep_to_the_policy(alice: Visitor) -> None:
    alice.page.add_init_script(LISTEN)
    for path in STRANGERS:
        visit(alice, path)
    alice.sign_up()
    furnish(alice.site, alice.name)
    for path in [*paths(alice), "/api/docs/", "/dashboard/chat/"]:
        visit(alice, path)
    alice.site.manage(
        *("shell", "--no-imports", "--command"),
        f"from accounts.models import User; User.objects.filter(channel__name='{alice.name}')"
        ".update(is_staff=True, is_superuser=True)",
    )
    for path in ["/admin/", "/admin/accounts/channel/", "/admin/accounts/channel/add/", "/admin/interactions/message/"]:
        visit(alice, path)


def test_the_controls_have_their_own_styles(alice: Visitor) -> None:
    """media-chrome's, which only the nonce lets in."""
    alice.sign_up()
    alice.open(f"/@{alice.name}/")
    button = alice.page.locator("media-play-button")
    expect(button).to_have_css("display", "flex")  # a box in a line of boxes


def test_an_injected_script_does_not_run(alice: Visitor) -> None:
    alice.page.add_init_script(LISTEN)
    alice.open("/")
    alice.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = true\">')")
    alice.page.wait_for_function("() => window.violations.length")
    assert alice.page.evaluate("window.ran") is None
