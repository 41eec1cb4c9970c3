"""What a channel's page makes a browser load."""

from __future__ import annotations

from playwright.sync_api import Request, expect

from tests.browser.conftest import Visitor

SCRIPTS_KB = 350


def test_scripts_stay_light(alice: Visitor) -> None:
    alice.sign_up()
    scripts: list[Request] = []
    page = alice.page.context.new_page()
    page.on("request", lambda request: scripts.append(request) if request.resource_type == "script" else None)
    page.goto(f"{alice.site.url}/@{alice.name}/")
    expect(page.locator("chat-panel[data-connection=open]")).to_be_attached()
    page.evaluate("0")  # events come in while the page is asked something
    sizes = {script.url: script.sizes()["responseBodySize"] for script in scripts}
    kb = sum(sizes.values()) / 1000
    print(f"{kb:.0f} kB in {len(sizes)} scripts")
    assert any("hls" in url for url in sizes) and any("media-chrome" in url for url in sizes)
    assert kb <= SCRIPTS_KB, sorted(sizes.items(), key=lambda each: -each[1])[:8]
