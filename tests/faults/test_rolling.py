"""Pools that are restarted one after the other, under broadcasts that are watched and chats that are read."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import ExitStack
from typing import Self

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.e2e.chatter import chatting
from tests.e2e.conftest import cast
from tests.e2e.playlists import Stream
from tests.e2e.processes import workers
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.test_rolling import master, renewed
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.probe import Probe
from tests.faults.watched import RENDITION, SMALL

__all__ = ["cast"]

LIVES, VIEWERS, CHATTERS = 3, 12, 50
POOLS = ("web", "origin", "chat")
SECONDS = 180
RELOADED_S = 40
BACK_S = 5
READ_S = 15
LOOK_S = 0.2
GONE = (ConnectionClosed, InvalidStatus, InvalidMessage, OSError)


class Listener:
    """Reads a room for ever: whenever its connection ends, it comes again, and says how far it has read."""

    def __init__(self, room: Streamer) -> None:
        self.room = room
        self.heard: list[int] = []
        self.known: dict[str, object] = {}
        self.away_s = 0.0
        self.is_in = threading.Event()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        left = time.monotonic()
        while not self.over.is_set():
            try:
                with chatting(self.room.site, self.room.name) as chatter:
                    welcome = chatter.hello(**self.known)
                    self.away_s = max(self.away_s, time.monotonic() - left if self.is_in.is_set() else 0)
                    self.is_in.set()
                    self.known["epoch"] = welcome["epoch"]
                    self._take(welcome["items"])
                    self._take(chatter.items)
                    while not self.over.is_set():
                        try:
                            self._take(json.loads(chatter.socket.recv(timeout=LOOK_S)))
                        except TimeoutError:
                            continue
            except GONE:
                left = time.monotonic()

    def _take(self, items: list[dict[str, object]]) -> None:
        numbers = [int(str(item["n"])) for item in items if item.get("t") == "msg"]
        self.heard += numbers
        self.known["last"] = max([*self.heard, 0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def says(room: Streamer, text: str) -> int:
    """Its number, however often it takes."""

    def attempt() -> int:
        try:
            with chatting(room.site, room.name, room) as chatter:
                chatter.hello()
                return int(chatter.say(text)["n"])
        except GONE:
            return 0

    return until(attempt, BACK_S)


def restart(alice: Streamer, pool: str) -> None:
    before = set(workers(alice.site, pool))
    os.kill(master(alice.site, pool), signal.SIGHUP)
    until(lambda: renewed(alice.site, pool, before), RELOADED_S)


@pytest.mark.long
def test_a_rolling_restart_is_noticed_by_nobody(cast: Cast, client: httpx.Client) -> None:
    fault = Fault(13, f"{', '.join(POOLS)} restarted under {LIVES} lives, {VIEWERS} players, {CHATTERS} chatters")
    rooms = [cast.join("alice", reconnect_s=30) for _ in range(LIVES)]
    with ExitStack() as stack:
        for room in rooms:
            stack.enter_context(room.on_air(inputs=SMALL, seconds=SECONDS))
        streams = [Stream(room, client) for room in rooms]
        targets = [stream.media(RENDITION).target_s for stream in streams]
        probes = [stack.enter_context(Probe(streams[n % LIVES].renditions[RENDITION])) for n in range(VIEWERS)]
        listeners = [stack.enter_context(Listener(rooms[n % LIVES])) for n in range(CHATTERS)]
        until(lambda: all(listener.is_in.is_set() for listener in listeners), READ_S)
        said: dict[str, list[int]] = {room.name: [] for room in rooms}
        for pool in POOLS:
            for room in rooms:
                said[room.name].append(says(room, f"before {pool}"))
            restart(rooms[0], pool)
            for room in rooms:
                said[room.name].append(says(room, f"after {pool}"))
        until(lambda: all(set(said[each.room.name]) <= set(each.heard) for each in listeners), READ_S)
        fault.at_most("answers other than 200 to players", sum(sum(probe.refusals.values()) for probe in probes), 0)
        fault.at_most("a player stood still", max(probe.longest_s for probe in probes), min(targets), "s")
        fault.at_most("a chatter was away", max(each.away_s for each in listeners), BACK_S, "s")
        fault.at_most(
            "messages that somebody heard twice", sum(len(each.heard) - len(set(each.heard)) for each in listeners), 0
        )
        assert [probe.falls for probe in probes if probe.falls] == []
