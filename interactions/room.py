"""A room, as one process has it: what was said lately, encoded once, and who is to get it. It knows no Redis."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from interactions.backlog import TAKES_BACK, Backlog
from interactions.metrics import tally
from interactions.protocol import encode, frame
from interactions.room_log import LOG_ITEMS, Entry, State
from interactions.transport import Frame, Transport

FRAME_BYTES = 1100  # with its headers one datagram
WINDOW_PER_SESSION_S, SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 0.0002, 0.05, 0.19
RING = 500  # frames
PAUSE_BYTES = 65_536  # with more than this unsent, a session gets nothing more
PATIENCE_S = 10.0  # so long may a session take nothing in
RETURN_MS = 10_000  # over so long those who have to come again are spread
RETURN_MS_EACH = 10

RESYNC_CODE, NO_ROOM_CODE = 4002, 4004


class Session:
    """Somebody in a room, over one transport or another. LEAVE closes the connection with a code."""

    def __init__(self, room: Room, transport: Transport, leave: Callable[[int], None]) -> None:
        self.room = room
        self.transport: Transport = transport  # where the chat goes
        self.leave = leave
        self.about: dict[str, Any] = {}  # what `welcome` says of nobody else
        self.at = room.serial  # the next frame to be handed over
        self.stuck: tuple[int, int, float] | None = None  # next frame, bytes unsent, and since when

    def tell(self, *items: dict[str, Any]) -> None:
        """What concerns this one alone."""
        if self.transport.is_open:
            self.transport.send(Frame(frame(map(encode, items))))

    def hand_over(self) -> None:
        """What this one has not got yet, as far as it takes it in."""
        room, before = self.room, self.at
        while self.at < room.serial:
            if not self.transport.is_open or self.transport.buffered > PAUSE_BYTES:
                room.behind.add(self)
                break
            index = self.at - room.base
            if index < 0:
                self.give_up()
                break
            self.transport.send(room.ring[index])
            self.at += 1
        else:
            room.behind.discard(self)
        tally.delivered += self.at - before

    def look_after(self, now: float) -> None:
        """Give up on who takes nothing in any more."""
        self.hand_over()
        if self not in self.room.behind:
            self.stuck = None
            return
        at, unsent = self.at, self.transport.buffered
        if self.stuck is None or at != self.stuck[0] or unsent < self.stuck[1]:
            self.stuck = (at, unsent, now)
        elif now - self.stuck[2] > PATIENCE_S:
            self.give_up()

    def give_up(self) -> None:
        """It comes again, and says what it has."""
        self.room.leave(self)
        self.tell({"t": "resync"})
        self.leave(RESYNC_CODE)

    def go_on(self, transport: Transport, last: int) -> None:
        """Chat goes there from now on, from item LAST."""
        room = self.room
        room.flush()
        self.transport = transport
        if not room.has_all_since(last):
            self.give_up()
            return
        for chunk in chunks(room.backlog.since(last)):
            transport.send(chunk)
        self.at, self.stuck = room.serial, None
        room.behind.discard(self)

    def begin_anew(self) -> None:
        """Another log has begun."""
        if self.transport.is_open:
            self.welcome(None, None)
        else:
            self.give_up()

    def welcome(self, epoch: str | None, last: int | None) -> None:
        room = self.room
        reset = epoch != room.epoch or last is None or not room.has_all_since(last)
        head = self.about | {
            "t": "welcome",
            "epoch": room.epoch,
            "last": room.sent,
            "reset": reset,
            "settings": room.settings,
            "here": max(room.here, len(room.sessions)),
            "emoji": room.emoji,
        }
        items = room.backlog.history() if reset or last is None else frame(room.backlog.since(last))
        self.transport.send(Frame(f'[{encode(head)[:-1]},"pin":{room.backlog.pin or "null"},"items":{items}}}]'))
        self.at = room.serial
        room.behind.discard(self)


def goodbye(reason: str, wait_ms: int = 0, within_ms: int = RETURN_MS) -> dict[str, Any]:
    return {"t": "bye", "retry_ms": wait_ms + random.randrange(within_ms), "reason": reason}


def return_within(sockets: int) -> int:
    """So that those of a process that is replaced come at a pace at which they are let in: few of them soon."""
    return min(max(sockets, 1) * RETURN_MS_EACH, RETURN_MS)


def chunks(texts: Iterable[str]) -> Iterable[Frame]:
    """Encoded items in frames, none longer than it must be."""
    held: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if held and size + length > FRAME_BYTES:
            yield Frame(frame(held))
            held, size = [], 0
        held.append(text)
        size += length + 1
    if held:
        yield Frame(frame(held))


class Room:
    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch = ""
        self.settings: dict[str, Any] = {}
        self.private: dict[str, Any] = {}
        self.is_live, self.turned_ms = False, 0
        self.here = 0
        self.heard = self.sent = 0  # the last items: that Redis told, that were made frames of
        self.backlog = Backlog()
        self.base = 0  # the first of the ring's frames, counted from the room's opening
        self.ring: deque[Frame] = deque()
        self.sessions: set[Session] = set()
        self.behind: set[Session] = set()
        self.taps: Counter[str] = Counter()  # of this process, until they are announced
        self.heat: Counter[str] = Counter()
        self.reactions: Counter[str] = Counter()  # of all, until they are shown
        self._pending: list[tuple[Entry, dict[str, Any]]] = []
        self._flushed_at = 0.0
        self._flushing: asyncio.TimerHandle | None = None

    @property
    def serial(self) -> int:
        return self.base + len(self.ring)

    @property
    def emoji(self) -> list[str]:
        return self.settings.get("emoji") or []

    @property
    def window_s(self) -> float:
        """Messages that come within it are sent together: sending costs per session and frame."""
        return min(max(len(self.sessions) * WINDOW_PER_SESSION_S, SHORTEST_WINDOW_S), LONGEST_WINDOW_S)

    # --- who is there -----------------------------------------------------------------------------------------------------

    def join(self, transport: Transport, leave: Callable[[int], None]) -> Session:
        self.flush()  # to the others: this one is welcomed with it
        session = Session(self, transport, leave)
        self.sessions.add(session)
        return session

    def leave(self, session: Session) -> None:
        self.sessions.discard(session)
        self.behind.discard(session)

    def close(self) -> None:
        """There is no such room any more."""
        for session in list(self.sessions):
            self.leave(session)
            session.leave(NO_ROOM_CODE)

    def look_after(self, now: float) -> None:
        for session in list(self.behind):
            session.look_after(now)

    # --- what was said ----------------------------------------------------------------------------------------------------

    def load(self, state: State, entries: list[Entry], anew: bool = False) -> bool:
        """Begin with what the log has. False where that goes on from what was heard before."""
        goes_on = self.epoch == state.epoch and state.n <= self.heard + LOG_ITEMS and not anew
        self.settings = state.settings or self.settings
        self.take_in(state)
        if goes_on:
            for entry in entries:
                self.hear(entry)
            return False
        self._forget()
        self.epoch = state.epoch
        self.heard = self.sent = max(state.n, entries[-1].n if entries else 0)
        self.backlog.begin_anew(max(0, self.heard - LOG_ITEMS))
        for entry in entries:
            self._keep(entry, json.loads(entry.text))
        self.backlog.pin = state.pin
        return True

    def take_in(self, state: State) -> None:
        """What no item tells."""
        self.private, self.is_live, self.turned_ms = state.private, state.is_live, state.turned_ms

    def _forget(self) -> None:
        if self._flushing:
            self._flushing.cancel()
            self._flushing = None
        self.base, self.ring = self.serial, deque()
        self._pending.clear()

    def hear(self, entry: Entry) -> str | None:
        """Take in the next item; its kind, or None where it was known."""
        if entry.n <= self.heard:
            return None
        item = json.loads(entry.text)
        self.heard = entry.n
        self._pending.append((entry, item))
        if item["t"] in TAKES_BACK:
            self.flush()
        elif self._flushing is None:
            loop = asyncio.get_running_loop()
            left = self._flushed_at + self.window_s - loop.time()
            if left <= 0:
                self.flush()
            else:
                self._flushing = loop.call_later(left, self.flush)
        return str(item["t"])

    def flush(self) -> None:
        """Make frames of what is pending, and hand them over."""
        if self._flushing:
            self._flushing.cancel()
            self._flushing = None
        if not self._pending:
            return
        self._flushed_at = asyncio.get_running_loop().time()
        for entry, item in self._pending:
            self._keep(entry, item)
        self.ring.extend(chunks(entry.text for entry, _ in self._pending))
        self.sent = self._pending[-1][0].n
        self._pending.clear()
        while len(self.ring) > RING:
            self.ring.popleft()
            self.base += 1
        for session in list(self.sessions):
            session.hand_over()

    def _keep(self, entry: Entry, item: dict[str, Any]) -> None:
        if item["t"] == "room":
            self.settings = item["settings"]
        self.backlog.add(entry, item)

    def has_all_since(self, n: int) -> bool:
        return self.backlog.floor <= n <= self.sent

    # --- reactions --------------------------------------------------------------------------------------------------------

    def react(self, emoji: str, count: int, media_ms: int | None) -> None:
        self.taps[emoji] += count
        if media_ms is not None and (self.is_live or media_ms <= self.turned_ms):  # viewers see the end after it was
            self.heat[f"{media_ms // 1000}:{emoji}"] += count

    def show_reactions(self) -> None:
        if self.reactions:
            self.tell_all({"t": "rx", "counts": dict(self.reactions)})
            self.reactions.clear()

    def tell_all(self, item: dict[str, Any]) -> None:
        """What is worth nothing later."""
        shared = Frame(frame([encode(item)]))
        for session in list(self.sessions):
            session.transport.send_lossy(shared)
