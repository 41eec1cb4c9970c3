"""Chat on the running site: through the edge, with the real moderation, and in Chromium over data channels."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.chatter import Chatter, chatting
from tests.e2e.processes import workers
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.live import Site

JOIN = Path(__file__).with_name("chat_page.js").read_text()


def test_bob_writes_in_alice_s_room_and_strangers_read(site: Site, alice: Streamer, bob: Streamer) -> None:
    with chatting(site, alice.name, bob) as writer, chatting(site, alice.name) as reader:
        assert writer.hello()["you"]["name"] == bob.name
        assert reader.hello()["you"] is None
        answer = writer.say("hello, alice")
        item = reader.next("msg")
        assert (item["n"], item["text"], item["by"]["name"]) == (answer["n"], "hello, alice", bob.name)
        assert reader.say("me too")["code"] == "sign_in"


def test_alice_moderates_and_bob_does_not(site: Site, alice: Streamer, bob: Streamer, mallory: Streamer) -> None:
    with (
        chatting(site, alice.name, alice) as owner,
        chatting(site, alice.name, bob) as writer,
        chatting(site, alice.name, mallory) as offender,
    ):
        assert owner.hello()["you"]["role"] == "owner"
        writer.hello()
        offender.hello()
        offence = offender.say("buy my things")
        message = owner.next("msg")
        assert writer.mod("delete", of=offence["n"])["code"] == "forbidden"
        assert owner.mod("delete", of=offence["n"])["t"] == "ok"
        assert writer.next("del")["of"] == [offence["n"]]
        began = time.monotonic()
        assert owner.mod("ban", user=message["by"]["id"])["t"] == "ok"
        assert offender.next("bye")["reason"] == "banned"
        assert time.monotonic() - began < 5
        with pytest.raises(ConnectionClosed):
            offender.next("anything")
        with chatting(site, alice.name, mallory) as again:
            again.send(t="hello", v=1)
            assert again.next("bye")["reason"] == "banned"


SAVE = """
import time
from accounts.models import User
user = User.objects.get(channel__name="{}")
user.is_active = {}
user.save()
print(time.time())
"""


def test_a_closed_account_is_out_of_every_process_within_a_second(site: Site, alice: Streamer, mallory: Streamer) -> None:
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        tabs = [stack.enter_context(chatting(site, alice.name, mallory)) for _ in range(6)]
        for tab in tabs:
            tab.hello()

        def shown_out(tab: Chatter) -> float:
            assert tab.next("bye")["reason"] == "banned"
            return time.time()

        seen = [threads.submit(shown_out, tab) for tab in tabs]
        closed_at = float(site.manage("shell", "-c", SAVE.format(mallory.name, False)).split()[-1])
        assert max(each.result() for each in seen) - closed_at < 1
        again = stack.enter_context(chatting(site, alice.name, mallory))
        assert again.hello()["you"] is None
        site.manage("shell", "-c", SAVE.format(mallory.name, True))
        back = stack.enter_context(chatting(site, alice.name, mallory))
        assert back.hello()["you"] and back.say("sorry")["t"] == "ok"


def test_a_held_message_is_shown_once_it_is_approved(site: Site, alice: Streamer, bob: Streamer) -> None:
    with chatting(site, alice.name, alice) as owner, chatting(site, alice.name, bob) as writer:
        owner.hello()
        writer.hello()
        assert writer.say("look at https://example.org/ please")["t"] == "held"
        waiting = owner.next("queue")
        assert "example.org" in waiting["text"]
        assert owner.mod("approve", id=waiting["id"])["t"] == "ok"
        assert writer.next("msg")["text"] == "look at https://example.org/ please"


def test_a_change_of_settings_is_in_force_within_a_second(site: Site, alice: Streamer, bob: Streamer) -> None:
    with chatting(site, alice.name, alice) as owner, chatting(site, alice.name, bob) as writer:
        owner.hello()
        writer.hello()
        assert owner.mod("set", settings={"slow_s": 30})["t"] == "ok"
        assert writer.next("room")["settings"]["slow_s"] == 30
        assert writer.say("one")["t"] == "ok"
        assert writer.say("two")["code"] == "slow"


def test_a_room_that_nobody_owns_is_none(site: Site) -> None:
    with chatting(site, "nobody_has_this_name") as guest:
        guest.send(t="hello", v=1)
        assert guest.next("no")["code"] == "no_room"


def test_other_sites_pages_open_no_socket(site: Site, alice: Streamer) -> None:
    elsewhere = Site("http://mallory.example", "", "", site.folder, site.env)
    with pytest.raises((InvalidStatus, OSError)), chatting(elsewhere, alice.name):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_people_come_back_from_a_process_that_ends_without_losing_a_message(
    site: Site, alice: Streamer, bob: Streamer, number: int
) -> None:
    with chatting(site, alice.name, bob) as writer:
        writer.hello()
        writer.say("before")
        with chatting(site, alice.name) as reader:
            welcome = reader.hello()
            ended = workers(site, "chat")
            for pid in ended:
                os.kill(pid, number)
            if number == signal.SIGTERM:
                assert reader.next("bye")["reason"] == "restart"
            with pytest.raises(ConnectionClosed):
                reader.next("anything")
    until(lambda: len(set(workers(site, "chat")) - set(ended)) == len(ended), 10, lambda: "")
    with chatting(site, alice.name, bob) as writer, chatting(site, alice.name) as reader:
        writer.hello()
        writer.say("after")
        assert [item["text"] for item in reader.hello(epoch=welcome["epoch"], last=welcome["last"])["items"]] == ["after"]


def seen(page: Page) -> dict[str, Any]:
    return page.evaluate("window.chat")


def test_chromium_chats_over_data_channels(site: Site, page: Page, alice: Streamer, bob: Streamer) -> None:
    page.goto(f"{site.url}/healthz")
    page.evaluate(JOIN, [alice.name])
    assert seen(page)["upgrade_ms"] < 1500  # a busy machine's; what it takes is for benchmarks to say
    with chatting(site, alice.name, bob) as writer:
        writer.hello()
        for number in range(5):
            assert writer.say(f"{number} 🙂")["t"] == "ok"
        until(lambda: len(seen(page)["byChannel"]) == 5, 5, lambda: str(seen(page)))
        assert seen(page)["byChannel"] == [f"{number} 🙂" for number in range(5)]
        assert seen(page)["bySocket"] == []
        page.evaluate("window.react()")
        assert writer.next("rx")["counts"] == {"👍": 1}
        until(lambda: seen(page)["rx"] == 1, 5, lambda: str(seen(page)))
