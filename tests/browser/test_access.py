"""axe on every page, in both themes, on a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Visitor
from tests.browser.watched_pages import STRANGERS, furnish, paths
from tests.live import Site

SIZES = {1280: 800, 390: 844}
GRAVE = ("serious", "critical")


def grave(page: Page) -> list[tuple[str, Any]]:
    page.wait_for_timeout(300)  # colours and controls fade in
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found if each["impact"] in GRAVE]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(chromium: Browser, site: Site, alice: Visitor, theme: str) -> None:
    alice.sign_up()
    furnish(site, alice.name)
    state = alice.page.context.storage_state()
    faults = {}
    for width, height in SIZES.items():
        size, scheme = {"width": width, "height": height}, "dark" if theme == "dark" else "light"
        for visits, kept in ((STRANGERS, None), (paths(alice), state)):
            with chromium.new_context(viewport=size, color_scheme=scheme, storage_state=kept) as context:  # type: ignore[arg-type]
                page = context.new_page()
                for path in visits:
                    page.goto(site.url + path)
                    if found := grave(page):
                        faults[path, width] = found
    assert faults == {}
