"""A room in one process, without Redis: transports here are lists."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from interactions import backlog
from interactions import room as rooms
from interactions.protocol import encode
from interactions.room import PATIENCE_S, PAUSE_BYTES, RING, Room, Session, return_within
from interactions.room_log import LOG_ITEMS, Entry, State
from interactions.transport import Frame


class FakeTransport:
    def __init__(self) -> None:
        self.is_open = True
        self.buffered = 0
        self.sent: list[Frame] = []
        self.lossy: list[Frame] = []

    def send(self, frame: Frame) -> None:
        assert self.is_open
        self.sent.append(frame)

    def send_lossy(self, frame: Frame) -> None:
        self.lossy.append(frame)

    def items(self) -> list[dict[str, Any]]:
        return [item for frame in self.sent for item in json.loads(frame.text)]


class Page:
    """Somebody in the room; what they have by now, as a page keeps it."""

    def __init__(self, room: Room, epoch: str | None = None, last: int | None = None) -> None:
        self.transport = FakeTransport()
        self.left: list[int] = []
        self.session: Session = room.join(self.transport, self.left.append)
        self.session.welcome(epoch, last)

    def numbers(self) -> list[int]:
        """Of the log, without what comes once more."""
        found: list[int] = []
        for item in self.transport.items():
            for inner in item["items"] if item["t"] == "welcome" else [item]:
                if inner.get("n", 0) > (found[-1] if found else 0):
                    found.append(inner["n"])
        return found


def entry(n: int, kind: str = "msg", **fields: Any) -> Entry:
    fields = fields or ({"by": {"id": f"u{n % 3}"}, "text": f"{n}"} if kind == "msg" else {})
    return Entry(n, encode({"t": kind, "n": n} | fields))


def opened(n: int = 0, epoch: str = "k1") -> Room:
    room = Room("alice")
    entries = [entry(number) for number in range(max(1, n - LOG_ITEMS + 1), n + 1)]
    room.load(State(epoch, n, {"emoji": ["👍"]}, {}, None), entries)
    return room


def texts(room: Room) -> list[int]:
    return [json.loads(item)["n"] for item in [kept.text for kept in room.backlog.kept.values()]]


# --- when frames are made -------------------------------------------------------------------------------------------------


async def test_the_first_after_quiet_goes_at_once_and_the_next_together() -> None:
    room = opened()
    page = Page(room)
    room.hear(entry(1))
    assert page.numbers() == [1]
    for n in (2, 3, 4):
        room.hear(entry(n))
    assert page.numbers() == [1]
    await asyncio.sleep(room.window_s + 0.03)
    assert page.numbers() == [1, 2, 3, 4]
    assert len(page.transport.sent) == 3  # the welcome, the first, the others


async def test_what_is_taken_back_waits_for_nobody() -> None:
    room = opened()
    page = Page(room)
    room.hear(entry(1))
    room.hear(entry(2))
    room.hear(entry(3, "del", of=[2]))
    assert page.numbers() == [1, 2, 3]


@pytest.mark.parametrize(("sessions", "window_s"), [(0, 0.05), (100, 0.05), (500, 0.1), (1000, 0.19), (5000, 0.19)])
def test_the_window_grows_with_the_room(sessions: int, window_s: float) -> None:
    room = Room("alice")
    room.sessions = set(range(sessions))  # type: ignore[arg-type]
    assert room.window_s == pytest.approx(window_s, abs=0.011)


@pytest.mark.parametrize(("sockets", "within_ms"), [(0, 10), (50, 500), (1000, 10_000), (5000, 10_000)])
def test_those_of_a_process_that_ends_come_again_the_sooner_the_fewer_they_are(sockets: int, within_ms: int) -> None:
    assert return_within(sockets) == within_ms


async def test_everybody_gets_the_same_frame() -> None:
    room = opened()
    pages = [Page(room) for _ in range(3)]
    room.hear(entry(1))
    assert len({id(page.transport.sent[-1]) for page in pages}) == 1


async def test_a_frame_is_no_longer_than_a_datagram_unless_one_message_is() -> None:
    room = opened()
    page = Page(room)
    room.hear(entry(1))
    for n in range(2, 40):
        room.hear(entry(n, by={"id": "u1"}, text="x" * 200))
    room.hear(entry(40, by={"id": "u1"}, text="🙂" * 500))
    room.flush()
    sizes = [len(frame.text.encode()) for frame in page.transport.sent[1:]]
    assert max(sizes[:-1]) <= rooms.FRAME_BYTES + 100 < sizes[-1]
    assert page.numbers() == list(range(1, 41))


# --- who comes in ---------------------------------------------------------------------------------------------------------


async def test_somebody_new_is_shown_fifty_and_one_who_was_there_what_was_missed() -> None:
    room = opened(120)
    assert Page(room).numbers() == list(range(71, 121))
    assert Page(room, "k1", 100).numbers() == list(range(101, 121))
    assert Page(room, "k1", 120).numbers() == []
    assert Page(room, "k0", 100).numbers() == list(range(71, 121))


async def test_one_who_was_away_for_too_long_begins_anew() -> None:
    room = opened(2000)
    assert Page(room, "k1", 2000 - LOG_ITEMS).numbers() == list(range(1501, 2001))
    assert Page(room, "k1", 2000 - LOG_ITEMS - 1).numbers() == list(range(1951, 2001))


async def test_history_is_shorter_where_messages_are_long() -> None:
    room = opened()
    for n in range(1, 61):
        room.hear(entry(n, by={"id": "u1"}, text="🙂" * 500))
    page = Page(room)
    assert 10 < len(page.numbers()) < 50
    assert len(page.transport.sent[0].text.encode()) < backlog.HISTORY_BYTES + 2000


@pytest.mark.parametrize(
    ("word", "left"), [({"of": [2]}, [1, 3, 5]), ({"user": "u1"}, [2, 3, 5]), ({}, [5])], ids=["del", "purge", "clear"]
)
async def test_what_was_taken_back_is_shown_to_nobody_new(word: dict[str, Any], left: list[int], request: Any) -> None:
    kind = request.node.callspec.id
    room = opened()
    for n in (1, 2, 3):
        room.hear(entry(n))
    room.hear(Entry(4, encode({"t": kind, "n": 4} | word)))
    room.hear(entry(5))
    assert Page(room).numbers() == left
    assert room.has_all_since(1) and Page(room, "k1", 3).numbers() == [4, 5]


@pytest.mark.parametrize("word", [entry(3, "del", of=[1]), entry(3, "purge", user="u1"), entry(3, "clear")])
async def test_a_pin_goes_with_its_message(word: Entry) -> None:
    room = opened()
    room.hear(entry(1))
    room.hear(entry(2, "pin", of=1, msg=json.loads(entry(1).text)))
    room.flush()
    assert room.backlog.pin
    room.hear(word)
    assert room.backlog.pin is None
    assert '"pin"' not in room.backlog.history()


# --- who is slow ----------------------------------------------------------------------------------------------------------


def speak(room: Room, first: int, count: int) -> None:
    for n in range(first, first + count):
        room.hear(entry(n))
        room.flush()


async def test_chat_is_paused_where_a_session_is_and_goes_on_there() -> None:
    room = opened()
    slow, quick = Page(room), Page(room)
    slow.transport.buffered = PAUSE_BYTES + 1
    speak(room, 1, 20)
    assert (slow.numbers(), quick.numbers()) == ([], list(range(1, 21)))
    slow.transport.buffered = 0
    room.look_after(now=1)
    assert slow.numbers() == list(range(1, 21))
    assert slow.session not in room.behind


async def test_one_who_falls_off_the_ring_has_to_come_again() -> None:
    room = opened()
    slow, quick = Page(room), Page(room)
    slow.transport.buffered = PAUSE_BYTES + 1
    speak(room, 1, RING + 1)
    slow.transport.buffered = 0
    room.look_after(now=1)
    assert slow.left == [rooms.RESYNC_CODE]
    assert slow.transport.items()[-1] == {"t": "resync"}
    assert quick.left == [] and quick.numbers()[-1] == RING + 1
    assert slow.session not in room.sessions


async def test_one_who_takes_nothing_in_for_ten_seconds_has_to_come_again() -> None:
    room = opened()
    slow = Page(room)
    slow.transport.buffered = 3 * PAUSE_BYTES
    speak(room, 1, 1)
    room.look_after(now=100)
    slow.transport.buffered -= 1  # slow, and yet alive
    room.look_after(now=100 + PATIENCE_S)
    assert slow.left == []
    room.look_after(now=101 + PATIENCE_S)
    room.look_after(now=101 + 2 * PATIENCE_S)
    assert slow.left == [rooms.RESYNC_CODE]


async def test_one_whose_channel_has_gone_waits_for_a_switch() -> None:
    room = opened()
    page = Page(room)
    page.transport.is_open = False
    speak(room, 1, 5)
    other = FakeTransport()
    page.session.go_on(other, last=0)
    assert [item["n"] for item in other.items()] == [1, 2, 3, 4, 5]
    speak(room, 6, 1)
    assert other.items()[-1]["n"] == 6


async def test_a_switch_from_before_what_is_kept_is_a_resync() -> None:
    room = opened(2000)
    page = Page(room)
    page.session.go_on(FakeTransport(), last=3)
    assert page.left == [rooms.RESYNC_CODE]


# --- another log ----------------------------------------------------------------------------------------------------------


async def test_another_epoch_is_another_log() -> None:
    room = opened(100)
    page = Page(room)
    assert room.load(State("k2", 2, None, {}, None), [entry(1), entry(2)])
    page.session.begin_anew()
    assert (room.epoch, texts(room), room.settings) == ("k2", [1, 2], {"emoji": ["👍"]})
    welcome = page.transport.items()[-1]
    assert (welcome["reset"], welcome["last"]) == (True, 2)


async def test_loading_the_same_log_adds_what_was_missed() -> None:
    room = opened(3)
    page = Page(room)
    assert not room.load(State("k1", 5, {}, {}, None), [entry(n) for n in range(1, 6)])
    room.flush()
    assert page.numbers() == [1, 2, 3, 4, 5]


async def test_an_item_that_is_known_is_not_heard_again() -> None:
    room = opened(3)
    assert room.hear(entry(3)) is None
    assert room.hear(entry(4)) == "msg"


class Flow(RuleBasedStateMachine):
    """However messages, pauses and switches mix: nobody lacks or reorders anything, unless told to come again."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.room = self.runner.run(self.make())
        self.pages: list[tuple[Page, list[FakeTransport], int]] = []
        self.now = 0.0

    async def make(self) -> Room:
        return opened()

    def run(self, call: Any) -> None:
        async def inside() -> None:
            call()

        self.runner.run(inside())

    @rule(count=st.integers(1, 30))
    def messages_come(self, count: int) -> None:
        self.run(lambda: [self.room.hear(entry(self.room.heard + 1)) for _ in range(count)])

    @rule()
    def the_window_ends(self) -> None:
        self.run(self.room.flush)

    @rule()
    def somebody_comes(self) -> None:
        def join() -> None:
            page = Page(self.room)
            self.pages.append((page, [page.transport], self.room.sent))

        self.run(join)

    @rule(data=st.data(), slow=st.booleans())
    def somebody_is_slow_or_not(self, data: st.DataObject, slow: bool) -> None:
        if self.pages:
            page = data.draw(st.sampled_from([page for page, _, _ in self.pages]))
            page.session.transport.buffered = PAUSE_BYTES + 1 if slow else 0  # type: ignore[misc]

    @rule(data=st.data())
    def somebody_switches(self, data: st.DataObject) -> None:
        if self.pages:
            page, transports, first = data.draw(st.sampled_from(self.pages))
            seen = self.seen(transports)
            transports.append(FakeTransport())
            if not page.left:
                self.run(lambda: page.session.go_on(transports[-1], seen[-1] if seen else first))

    @rule()
    def time_passes(self) -> None:
        self.now += 3
        self.run(lambda: self.room.look_after(self.now))

    def seen(self, transports: list[FakeTransport]) -> list[int]:
        found: list[int] = []
        for transport in transports:
            for item in transport.items():
                if "n" in item and item["n"] > (found[-1] if found else 0):
                    found.append(item["n"])
        return found

    @invariant()
    def nobody_misses_anything(self) -> None:
        for page, transports, first in self.pages:
            seen = self.seen(transports)
            assert seen == list(range(first + 1, first + 1 + len(seen)))
            if not page.left and page.session not in self.room.behind:
                assert len(seen) == self.room.sent - first

    def teardown(self) -> None:
        self.runner.close()


TestFlow = Flow.TestCase
TestFlow.settings = hypothesis_settings(max_examples=40, stateful_step_count=40, deadline=None)
