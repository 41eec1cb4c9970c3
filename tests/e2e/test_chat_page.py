"""The chat of a channel's page: alice and bob, each in a Chromium, and between them the running site."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import ARGUMENTS
from tests.e2e.chat_viewer import ChatViewer, enter, floats
from tests.e2e.chatter import chatting
from tests.e2e.conftest import Visit
from tests.e2e.processes import workers
from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Streamer
from tests.live import Site

WITHOUT_UDP = "--webrtc-ip-handling-policy=disable_non_proxied_udp"
SMALL: dict[str, Any] = {"inputs": (*picture("320x180", fps=15), *TONE), "video": (*H264, "-g", "30")}
CORPUS = [
    "<script>pwn('script')</script>",
    "<img src=x onerror=pwn('img')>",
    "<svg/onload=pwn('svg')>",
    "<svg><animate onbegin=pwn('animate') attributeName=x dur=1s>",
    '"><script>pwn("attribute")</script>',
    "'-pwn('quote')-'",
    "javascript:pwn('link')",
    "https://example.org/\"onmouseover=\"pwn('over')",
    "https://example.org/'onfocus='pwn(1)'autofocus='",
    "<a href=javascript:pwn('a')>click</a>",
    "<iframe srcdoc='<script>parent.pwn(1)</script>'>",
    "<style>@import'javascript:pwn(1)'</style><base href=//evil.example>",
    "<chat-panel channel=evil><live-player channel=evil>",
    "{{constructor.constructor('pwn(1)')()}}${pwn(1)}",
    "</textarea></title></script><script>pwn('close')</script>",
    "&lt;script&gt;pwn('entity')&lt;/script&gt;",
    "\u2028<img src=x onerror=pwn('line')>",
    "<math><mtext><table><mglyph><style><img src=x onerror=pwn('math')>",
]


def test_alice_and_bob_chat_over_data_channels_beside_a_stream_that_plays(alice: Streamer, bob: Streamer, visit: Visit) -> None:
    with alice.on_air():
        host, viewer = enter(visit(alice), alice), enter(visit(bob), alice)
        for one in (host, viewer):
            one.connects("webrtc")
            one.watch()
        before = [len(one.by_socket) for one in (host, viewer)]
        viewer.write("hello, alice 🙂")
        host.reads("hello, alice 🙂")
        viewer.reads("hello, alice 🙂")
        host.write("hello, bob")
        viewer.reads("hello, bob")
        viewer.page.get_by_role("button", name="React with 👍").click()
        floats(host)
        host.act("hello, alice 🙂", "Delete message")
        expect(viewer.row("hello, alice 🙂")).to_have_count(0)
        host.write(f"/timeout {bob.name} 60 enough")
        expect(host.page.locator(".chat-note")).to_contain_text([f"{bob.name} cannot write for 60 s."])
        expect(viewer.page.locator(".chat-out")).to_contain_text("You are in a timeout: you can read on, and write again at")
        host.page.get_by_role("button", name="Undo").click()
        viewer.write("thank you")
        host.reads("thank you")
        for one, count in zip((host, viewer), before, strict=True):
            one.page.evaluate("0")
            assert [item for item in one.by_socket[count:] if item["t"] not in ("here",)] == []
            took = one.noted["chat"] - one.noted["offered"]
            print(f"to WebRTC in {took:.0f} ms")
            assert took < 1500  # a busy machine's; what it takes is for benchmarks to say
            one.watch()
        assert host.errors + viewer.errors == []


def test_the_chat_s_scripts_wait_for_the_picture(alice: Streamer, visit: Visit) -> None:
    with alice.on_air(**SMALL):
        viewer = enter(visit(None), alice)
        viewer.watch()
        began = viewer.page.evaluate(
            "performance.getEntriesByType('resource').filter(({ name }) => /chat-/.test(name) && name.includes('.js'))"
            ".map(({ startTime }) => startTime)"
        )
        assert len(began) > 20 and min(began) >= viewer.noted["playing"]


def test_a_viewer_behind_sees_a_message_when_the_picture_gets_there(alice: Streamer, bob: Streamer, visit: Visit) -> None:
    with alice.on_air(**SMALL):
        host, viewer = enter(visit(alice), alice), enter(visit(bob), alice)
        for one in (host, viewer):
            one.watch(6)
        viewer.page.evaluate("document.querySelector('live-player').video.currentTime -= 4")
        viewer.watch()
        host.write("did you see that?")
        said = time.monotonic()
        host.reads("did you see that?", within_s=2)
        viewer.reads("did you see that?", within_s=15)
        assert 1.5 < time.monotonic() - said < 8
        viewer.write("now I did")
        host.reads("now I did", within_s=2)  # who is ahead of the author has seen it


@pytest.fixture(scope="module")
def chromium_without_udp(chromium: Browser) -> Iterator[Browser]:
    browser = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=[*ARGUMENTS, WITHOUT_UDP])
    yield browser
    browser.close()


@pytest.mark.long
def test_without_udp_they_chat_over_the_websocket(
    site: Site, alice: Streamer, bob: Streamer, chromium_without_udp: Browser
) -> None:
    def visit(person: Streamer) -> ChatViewer:
        context = chromium_without_udp.new_context()
        context.add_cookies([{"name": "sessionid", "value": person.cookie, "url": site.url}])
        return enter(context.new_page(), alice)

    with alice.on_air(**SMALL):
        host, viewer = visit(alice), visit(bob)
        viewer.write("hello, alice")
        host.reads("hello, alice", within_s=2)  # it does not wait for WebRTC to fail
        host.page.wait_for_timeout(6000)
        for one in (host, viewer):
            one.connects("websocket")
            assert "offered" in one.noted and "chat" not in one.noted
            one.watch()
        host.write("hello, bob")
        viewer.reads("hello, bob")
        expect(viewer.page.locator(".chat-state")).to_be_empty()
        viewer.page.reload()
        viewer.connects("websocket")
        viewer.reads("hello, bob")
        assert "offered" not in viewer.noted  # what was in vain is not tried again
        assert host.errors + viewer.errors == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_message_written_while_the_chat_restarts_arrives_exactly_once(
    site: Site, alice: Streamer, bob: Streamer, visit: Visit, number: int
) -> None:
    host, viewer = enter(visit(alice), alice), enter(visit(bob), alice)
    for one in (host, viewer):
        one.connects("webrtc")
    viewer.write("before")
    host.reads("before")
    for pid in workers(site, "chat"):
        os.kill(pid, number)
    viewer.write("meanwhile")
    viewer.page.wait_for_timeout(300)
    viewer.write("and again")
    for one in (viewer, host):
        one.page.wait_for_selector("chat-panel[data-connection=open]", timeout=20_000)
        one.reads("and again", within_s=20)
        assert one.texts() == ["before", "meanwhile", "and again"]
    host.write("after")
    viewer.reads("after")
    for one in (host, viewer):
        one.connects("webrtc")


def harmless(viewer: ChatViewer) -> None:
    assert viewer.noted["pwned"] == [] and viewer.errors == []
    assert viewer.page.locator("chat-panel").locator("script, img, iframe, svg, style, base, math, live-player").count() == 0
    hrefs = viewer.page.locator("chat-panel a").evaluate_all("(links) => links.map((link) => link.href)")
    assert [href for href in hrefs if not re.match("https?://", href)] == []


def test_what_people_write_is_text_wherever_it_is_shown(
    site: Site, alice: Streamer, mallory: Streamer, carol: Streamer, visit: Visit
) -> None:
    """Messages, answers, the pin, the queue, reports, and all of it again for whoever comes later."""
    host = enter(visit(alice), alice)
    with chatting(site, alice.name, alice) as owner, chatting(site, alice.name, mallory) as offender:
        owner.hello()
        offender.hello()
        last = None
        for text in CORPUS:
            answer = owner.say(text) if last is None else owner.ask(t="say", text=text, re=last)
            assert answer["t"] == "ok", (text, answer)
            last = answer["n"]
            assert owner.mod("pin", of=last)["t"] == "ok"
        assert offender.say("https://evil.example/<img src=x onerror=pwn('queue')>")["t"] == "held"
        offender.ask(t="report", of=last, reason=CORPUS[1])
    expect(host.page.locator(".chat-message")).to_have_count(len(CORPUS))
    expect(host.page.locator("chat-queue li")).to_have_count(1)
    for row in host.page.locator(".chat-message").all():
        row.hover()
    host.act("{{constructor.constructor('pwn(1)')()}}${pwn(1)}", "Reply")
    harmless(host)
    late = enter(visit(None), alice)
    expect(late.page.locator(".chat-message")).to_have_count(len(CORPUS))
    expect(late.page.locator("chat-pin")).to_be_visible()
    harmless(late)
    admin = ChatViewer(visit(carol))
    admin.page.goto(f"{site.url}/admin/interactions/report/")
    admin.page.locator("#result_list tbody a").first.click()
    expect(admin.page.get_by_text(CORPUS[1]).first).to_be_visible()
    assert admin.noted["pwned"] == [] and admin.errors == []
