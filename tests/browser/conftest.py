from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import launch_chromium
from tests.live import Site

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser of their own and a name that nobody had before."""

    page: Page
    site: Site
    name: str

    def open(self, path: str) -> None:
        self.page.goto(self.site.url + path)

    def sign_up(self) -> None:
        self.open("/accounts/signup/")
        self.page.fill("[name=email]", f"{self.name}@example.org")
        self.page.fill("[name=channel]", self.name)
        self.page.fill("[name=password1]", PASSWORD)
        self.page.get_by_role("main").get_by_role("button", name="Sign up").click()
        self.page.wait_for_url("**/dashboard/")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for the whole session: while it runs, so does an event loop, and Django keeps off its database then."""
    with launch_chromium() as browser:
        yield browser


@pytest.fixture
def alice(chromium: Browser, site: Site) -> Iterator[Visitor]:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield Visitor(context.new_page(), site, f"alice_{secrets.token_hex(4)}")
    context.close()


@pytest.fixture
def alice_without_scripts(chromium: Browser, site: Site) -> Iterator[Visitor]:
    context = chromium.new_context(java_script_enabled=False)
    yield Visitor(context.new_page(), site, f"alice_{secrets.token_hex(4)}")
    context.close()
