from __future__ import annotations

import re
import signal
import time

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import Visitor
from tests.e2e.publisher import GOP_2S, H264, publish

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
    page.get_by_role("link", name="Keys", exact=True).click()
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
    for path in [
        None,
        "/dashboard/",
        "/dashboard/keys/",
        "/dashboard/broadcasts/",
        "/dashboard/chat/",
        "/",
        f"/@{alice.name}/",
        "/accounts/password/change/",
        "/accounts/email/",
        "/nowhere/",
    ]:
        if path:
            alice.open(path)
        assert alice.page.evaluate("document.documentElement.scrollWidth") <= width, path


FROM_SIGN_UP_S = 90
MOVES_S = 2.0
CURVES = "[...document.querySelectorAll('stream-health live-graph')].filter((graph) => graph.querySelector('canvas')).length"


def shown(page: Page, graph: str) -> str:
    return page.locator(f"figure:has(live-graph[name={graph}]) .graph-now").inner_text()


def test_from_the_start_page_to_live_in_three_screens(alice: Visitor) -> None:
    """Start page, sign-up, dashboard: the key is made there, ffmpeg is started, and the same page says that it is live."""
    began = time.monotonic()
    page = alice.page
    screens: list[str] = []
    page.on("load", lambda loaded: screens.append(loaded.url))
    alice.open("/")
    page.get_by_role("link", name="Sign up").first.click()
    page.fill("[name=email]", f"{alice.name}@example.org")
    page.fill("[name=channel]", alice.name)
    page.fill("[name=password1]", "correct horse battery")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    page.wait_for_function("() => window.htmx")  # it comes last; before, a click would open the page of keys
    page.get_by_role("button", name="Make a key").click()
    command = page.get_by_label("ffmpeg").input_value()
    assert command.startswith("ffmpeg -re -i clip.mp4")
    url = command.rsplit("'", 2)[1]
    with publish(url, video=(*H264, *GOP_2S)):
        expect(page.get_by_role("heading", name="You are live")).to_be_visible(timeout=60_000)
        took_s = time.monotonic() - began
        assert took_s < FROM_SIGN_UP_S
        assert len(screens) == 3, screens
        print(f"from the start page to live: {took_s:.1f} s")


def test_graphs_move_with_the_stream_and_survive_a_reload(alice: Visitor) -> None:
    alice.sign_up()
    page = alice.page
    page.get_by_role("button", name="Make a key").click()
    url = page.get_by_label("Both in one URL").input_value()
    with publish(url) as publisher:
        expect(page.get_by_text(re.compile(r"B-frames, which delay the picture by about \d+ ms"))).to_be_visible(timeout=60_000)
        page.wait_for_function(f"() => {CURVES} === 7", timeout=30_000)
        assert shown(page, "gop_s").strip() == "2.0 s" and "kbit/s" in shown(page, "kbit_s")
        publisher.process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)  # what it sends now comes in one burst afterwards
        publisher.process.send_signal(signal.SIGCONT)
        resumed = time.monotonic()
        page.wait_for_function(
            "() => parseFloat(document.querySelector('live-graph[name=fps]').closest('figure')"
            ".querySelector('.graph-now').value) < 20",
            polling=20,
            timeout=10_000,
        )
        took_s = time.monotonic() - resumed
        print(f"the graph has moved after {took_s:.2f} s")
        assert took_s < MOVES_S
        page.reload()
        page.wait_for_function(f"() => {CURVES} === 7", timeout=10_000)
        assert "frames" in str(page.locator("live-graph[name=fps]").get_attribute("aria-label")).lower()


def test_a_streamer_ends_the_broadcast_and_lets_the_encoder_come_back(alice: Visitor) -> None:
    alice.sign_up()
    page = alice.page
    page.get_by_role("button", name="Make a key").click()
    url = page.get_by_label("Both in one URL").input_value()
    with publish(url):
        expect(page.get_by_role("heading", name="You are live")).to_be_visible(timeout=60_000)
        page.get_by_label("Title").first.fill("Rivers & <i>roads</i>")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="End now").click()
        expect(page.get_by_text("You ended the broadcast.")).to_be_visible()
    with publish(url) as again:
        again.end(within_s=20)
    page.get_by_role("button", name="Allow it again now").click()
    expect(page.get_by_text("The last broadcast ended: ended by you.")).to_be_visible()
    with publish(url):
        expect(page.get_by_role("heading", name="You are live")).to_be_visible(timeout=60_000)
    alice.open("/dashboard/broadcasts/")
    expect(page.get_by_role("link", name="Rivers & <i>roads</i>")).to_have_count(2)
    page.get_by_role("link", name="Rivers & <i>roads</i>").last.click()
    expect(page.get_by_text("It ended: ended by you.")).to_be_visible()


def test_script_in_every_field_does_nothing(alice: Visitor) -> None:
    alice.sign_up()
    page = alice.page
    ran: list[str] = []

    def note(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    script = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"
    page.get_by_label("Label").fill(script)
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("heading", name="Your new key")).to_be_visible()
    page.get_by_label("Title").first.fill(script)
    page.get_by_label("Description").fill(f"</textarea>{script}")
    page.get_by_label("Tags").fill("<b onclick=alert(3)>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    for path in ("/dashboard/", "/dashboard/keys/", "/dashboard/broadcasts/", f"/@{alice.name}/", "/"):
        alice.open(path)
        page.wait_for_load_state("load")
    assert ran == []
