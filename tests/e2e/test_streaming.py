"""Streamers, their followers and administrators: in Chromium, from the sign-up to the end of a broadcast."""

from __future__ import annotations

import secrets
import shlex
import subprocess
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.e2e.conftest import Visit
from tests.e2e.publisher import Publisher
from tests.e2e.streamer import Streamer
from tests.e2e.watcher import Watcher
from tests.live import Site

NOTICED_MS = 20_000
DROPPED_S = 10
CLIP = "ffmpeg -v error -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine -t 40 -c:v mpeg4 -q:v 5 -c:a aac clip.mp4"


def test_from_the_sign_up_to_the_air_in_three_screens(page: Page, site: Site, tmp_path: Path) -> None:
    """The ffmpeg line is the dashboard's own, word for word."""
    subprocess.run(shlex.split(CLIP), cwd=tmp_path, check=True)
    alice = Visitor(page, site, f"alice_{secrets.token_hex(4)}")
    alice.sign_up()
    expect(page.get_by_role("heading", name="You are not live")).to_be_visible()
    page.get_by_role("button", name="Make a key").click()
    command = page.get_by_label("ffmpeg", exact=True).input_value()
    with Publisher(shlex.split(command), folder=tmp_path) as publisher:
        expect(page.get_by_role("heading", name="You are live")).to_be_visible(timeout=NOTICED_MS)
        page.goto(f"{site.url}/dashboard/keys/")
        expect(page.get_by_text("Publishing now")).to_be_visible()
        page.goto(site.url)
        expect(page.get_by_role("link", name=alice.name)).to_be_visible()
        assert publisher.runs
    page.goto(f"{site.url}/dashboard/")
    expect(page.get_by_role("heading", name="Your encoder is gone")).to_be_visible(timeout=NOTICED_MS)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End now").click()
    expect(page.get_by_role("heading", name="You are not live")).to_be_visible(timeout=NOTICED_MS)


def test_an_administrator_ends_a_broadcast_and_its_key_is_refused_for_a_while(
    visit: Visit, watcher: Watcher, alice: Streamer, carol: Streamer
) -> None:
    with alice.on_air() as publisher:
        watcher.open(alice)
        watcher.watch()
        page = visit(carol)
        page.goto(f"{carol.site.url}/admin/streams/broadcast/{alice.state()['id']}/change/")
        page.get_by_role("link", name="End", exact=True).click()
        page.get_by_label("Reason").fill("It breaks the rules")
        page.get_by_role("button", name="End the broadcast").click()
        expect(page.get_by_text(f"Ended the broadcast of {alice.name}.")).to_be_visible()
        publisher.end(DROPPED_S)
    assert alice.live is None
    watcher.says(f"The stream has ended. This page will start by itself when {alice.name} comes back.")
    with alice.publish() as again:
        again.end(DROPPED_S)
    assert alice.live is None
    assert "The last attempt was refused: ended by an administrator." in alice.dashboard()
    assert "The last broadcast ended: ended by an administrator." in alice.dashboard()


def test_bob_follows_alice_and_leaves_again(visit: Visit, alice: Streamer, bob: Streamer) -> None:
    page = visit(bob)
    page.goto(alice.page)
    for _ in range(2):
        page.get_by_role("button", name="Follow", exact=True).click()
        expect(page.get_by_role("button", name="Following")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_text("1 follower", exact=True)).to_be_visible()
        page.reload()
        page.get_by_role("button", name="Following").click()
        expect(page.get_by_text("0 followers")).to_be_visible()


def test_a_stranger_is_asked_to_log_in_before_following(page: Page, alice: Streamer) -> None:
    page.goto(alice.page)
    page.get_by_role("link", name="Log in to follow").click()
    page.wait_for_url(f"**/accounts/login/?next=/@{alice.name}/")
