"""/ws/rooms/NAME/: who is there, what they send, and the way to WebRTC."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from django.db import Error as DatabaseError
from django.utils import timezone
from redis.exceptions import RedisError

from interactions import identity, protocol, room_log, speech
from interactions.chat import Chat
from interactions.fields import BadMessage
from interactions.hub import Unavailable
from interactions.inbox import Full, Inbox
from interactions.limits import BAD_MESSAGE, REFUSED, Conduct
from interactions.peer import Peer
from interactions.protocol import Hello, IceCandidate, Mod, Offer, React, Refused, Report, Say, Switch, near
from interactions.room import NO_ROOM_CODE, Room, Session, goodbye, return_within
from interactions.room_log import Out
from interactions.rules import MODERATORS, Author
from interactions.signalling import Signalling
from interactions.transport import Frame, Transport, WebSocketTransport, Wire
from interactions.wire import user_id
from streams import logged
from streams.addresses import TooMany
from streams.moments import unix_ms

log = logging.getLogger(__name__)

WIRE = "livestream.wire"  # in a scope's extensions: the socket itself
HELLO_S = 10
NO_LAYER = "none"  # whoever is not signed in is told nothing that others are not
FLOOD, BANNED, SIGNED_OUT, BAD_HELLO, TOO_OFTEN = 4000, 4001, 4002, 4003, 4005
BANS = ("banned", "site_banned")
NOT_FOLLOWING = ("followers", "shield")


class RoomConsumer(AsyncConsumer):
    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.session: Session | None = None
        self.author: Author | None = None
        self.conduct = Conduct(time.monotonic())
        self.signalling = Signalling(chat.peers, chat.paces, self.tell_by_socket, self.take_in)
        self._turn = asyncio.Lock()  # one frame at a time, whichever way it comes
        self._inbox = Inbox(self.hear, self._fail)

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        self.address = scope["client"][0] if scope["client"] else ""
        self.name_of_guest = secrets.token_hex(4)
        if identity.session_key(scope) is None:
            self.channel_layer_alias = NO_LAYER
        try:
            with self.chat.sockets.one_more(self.address):
                await super().__call__(scope, receive, send)
        except TooMany:
            await send({"type": "websocket.close"})
        finally:
            self.part()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Without Channels' look at the database connections before each frame: a thread's turn that few need."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    # --- the socket -------------------------------------------------------------------------------------------------------

    async def websocket_connect(self, event: dict[str, Any]) -> None:
        self.name: str = self.scope["url_route"]["kwargs"]["name"]
        logged.note(request=secrets.token_hex(8), room=self.name)  # by now the channel layer, which all share, listens
        self.wire: Wire = self.scope["extensions"][WIRE]
        self.socket = WebSocketTransport(self.wire)
        await self.send({"type": "websocket.accept"})
        try:
            await self.chat.openings.count(self.address)
        except Refused as refused:
            self._turn_away(refused)
            return
        self._deadline = asyncio.get_running_loop().call_later(HELLO_S, self.wire.close, BAD_HELLO)

    async def websocket_receive(self, event: dict[str, Any]) -> None:
        data = event.get("text")
        await self.hear(event["bytes"] if data is None else data, None)

    async def websocket_disconnect(self, event: dict[str, Any]) -> None:
        raise StopConsumer

    def part(self) -> None:
        if hasattr(self, "_deadline"):
            self._deadline.cancel()
        if self.session:
            self.session.room.leave(self.session)
        self.signalling.close()
        self._inbox.close()

    def take_in(self, source: Peer, data: str | bytes) -> None:
        try:
            self._inbox.put(source, data)
        except Full:
            self.show_out("flood", FLOOD)

    def _fail(self) -> None:
        """As an error in websocket_receive ends the connection."""
        log.exception("a frame from a data channel could not be answered")
        self.wire.close(1011)

    def tell(self, item: dict[str, Any]) -> None:
        if self.session:
            self.session.tell(item)
        else:
            self.tell_by_socket(item)

    def tell_by_socket(self, item: dict[str, Any]) -> None:
        self.socket.send(Frame(protocol.frame([protocol.encode(item)])))

    def show_out(self, reason: str, code: int, wait_ms: int = 0) -> None:
        self.tell_by_socket(goodbye(reason, wait_ms))
        self.wire.close(code)

    def last_words(self) -> bytes:
        item = goodbye("restart", within_ms=return_within(self.chat.sockets.open.total()))
        return Frame(protocol.frame([protocol.encode(item)])).wire

    # --- frames -----------------------------------------------------------------------------------------------------------

    async def hear(self, data: str | bytes, source: Peer | None) -> None:
        """SOURCE: the peer by whose channel it came, if not by the socket."""
        async with self._turn:
            if not self.wire.is_open:
                return
            now = time.monotonic()
            if not self.conduct.may_speak(now):
                self._bear(now, 1, Refused("rate"), None)
                return
            try:
                frame = protocol.parse(data)
                await self._answer(frame, source)
            except BadMessage as error:
                self._bear(now, BAD_MESSAGE, error, error.nonce)
            except Refused as error:
                self._bear(now, REFUSED.get(error.code, 0), error, getattr(frame, "nonce", None))
            except (RedisError, DatabaseError, Unavailable) as error:
                log.warning("room %s: %s", self.name, type(error).__name__)
                self.tell(protocol.no("busy", getattr(frame, "nonce", None)))

    def _bear(self, now: float, cost: float, error: BadMessage | Refused, nonce: str | None) -> None:
        self.tell(protocol.no(error.code, nonce, getattr(error, "wait_ms", None)))
        if not self.conduct.is_borne(now, cost):
            self.show_out("flood", FLOOD)

    async def _answer(self, frame: protocol.Frame, source: Peer | None) -> None:
        if isinstance(frame, Hello):
            await self._come_in(frame)
            return
        if self.session is None:
            raise BadMessage
        match frame:
            case React():
                self._react(frame)
            case Switch():
                self._switch(self.session, frame, source)
            case Offer():
                who = speech.wire_id(self.author) if self.author else self.name_of_guest
                await self.signalling.offer(frame, who, self.address, time.monotonic())
            case IceCandidate():
                await self.signalling.candidate(frame)
            case Say() | Mod() | Report():
                self.tell(await self._speak(self.session, frame))

    async def _speak(self, session: Session, frame: Say | Mod | Report) -> dict[str, Any]:
        if self.author is None:
            raise Refused("sign_in")
        chat, room, author, now = self.chat, session.room, self.author, timezone.now()
        match frame:
            case Say():
                return await self._say(room, author, frame, now)
            case Mod():
                return await speech.moderate(chat.moderation, room, author, frame, now)
            case Report():
                self._may_ask(author)
                return await speech.report(chat.moderation, room, author, frame, now)

    async def _say(self, room: Room, author: Author, frame: Say, now: dt.datetime) -> dict[str, Any]:
        def say(author: Author) -> Awaitable[dict[str, Any]]:
            chat = self.chat
            return speech.say(chat.hub.redis, chat.moderation, room, author, frame, now, lambda: self._may_ask(author))

        try:
            return await say(author)
        except Refused as error:
            if error.code not in NOT_FOLLOWING or not self.chat.paces.questions.take(speech.wire_id(author), time.monotonic()):
                raise
        self.author = await self._ask_author(author.id)  # who follows by now, perhaps
        return await say(self.author)

    def _may_ask(self, author: Author) -> None:
        """What anybody may send, and PostgreSQL has to look at. Raises Refused: rate."""
        if author.role not in MODERATORS:
            self.chat.paces.questions.charge(speech.wire_id(author), time.monotonic())

    def _react(self, frame: React) -> None:
        """What is too much is left out, without a word: taps are."""
        assert self.session
        room = self.session.room
        if frame.emoji not in room.emoji:
            raise BadMessage
        if self.conduct.taps.take(time.monotonic(), frame.count):
            room.react(frame.emoji, frame.count, near(frame.media, int(time.time() * 1000)))

    def _switch(self, session: Session, frame: Switch, source: Peer | None) -> None:
        transport: Transport | None = self.socket if source is None else source.chat
        if transport is None:
            raise BadMessage
        self.conduct.switch(time.monotonic())
        session.go_on(transport, frame.last)

    # --- coming in --------------------------------------------------------------------------------------------------------

    async def _come_in(self, frame: Hello) -> None:
        if self.session:
            raise BadMessage
        self._deadline.cancel()
        try:
            if key := identity.session_key(self.scope):  # before anybody looks whose it is
                self.chat.paces.hello(identity.fingerprint(key), self.address, time.monotonic())
            room = await self.chat.hub.enter(self.name)
            if frame.epoch == room.epoch and (frame.last or 0) > room.heard:  # another process was told sooner
                await self.chat.hub.catch_up(room)
            async with self.chat.turns if key else nullcontext():
                if not self.wire.is_open:  # it has not waited, and comes again
                    return
                self.author = await self._identify()
            out = await self._what_keeps_out()
        except Refused as refused:
            self._turn_away(refused)
            return
        except BaseException:
            self._deadline = asyncio.get_running_loop().call_later(HELLO_S, self.wire.close, BAD_HELLO)
            raise
        if out and out.code in BANS:
            self.show_out("banned", BANNED)
            return
        session = self.session = room.join(self.socket, self.wire.close)
        session.about = {
            "you": speech.you(self.author) if self.author else None,
            "rtc": self.signalling.servers(speech.wire_id(self.author) if self.author else "guest", self.address),
            "session": secrets.token_hex(4),
        }
        session.welcome(frame.epoch, frame.last)
        self.wire.last_words = self.last_words
        if out:
            self._tell_out(out)
        if self.author and self.channel_layer:
            await self._listen_to_moderators(self.author)

    def _turn_away(self, refused: Refused) -> None:
        if refused.code == "rate":
            self.show_out("rate", TOO_OFTEN, refused.wait_ms or 0)
        else:
            self.tell(protocol.no("no_room"))
            self.wire.close(NO_ROOM_CODE)

    async def _identify(self) -> Author | None:
        """None for whoever is not signed in; and while PostgreSQL is away, when everybody may still read."""
        try:
            user_pk = await self.chat.who(self.scope)
            if user_pk is None:
                return None
            self.chat.paces.hellos.charge(user_id(user_pk), time.monotonic())
            return await self._ask_author(user_pk)
        except DatabaseError as error:
            log.warning("nobody can be identified: %s", type(error).__name__)
            return None

    async def _ask_author(self, user_pk: int) -> Author:
        return await database_sync_to_async(self.chat.moderation.author)(self.name, user_pk)

    async def _what_keeps_out(self) -> Out | None:
        """Who listens before looking misses nothing that is decided in between."""
        if self.author is None:
            return None
        user = speech.wire_id(self.author)
        if self.channel_layer:
            await self.channel_layer.group_add(f"user.{user}", self.channel_name)
        return await room_log.out(self.chat.hub.redis, self.name, user, unix_ms(timezone.now()))

    def _tell_out(self, out: Out | None) -> None:
        wait_ms = speech.left_ms(out, timezone.now()) if out else None
        self.tell({"t": "out", "code": out and out.code, "wait_ms": wait_ms})

    async def _listen_to_moderators(self, author: Author) -> None:
        if author.role in MODERATORS:
            await self.channel_layer.group_add(f"mods.{self.name}", self.channel_name)
            for item in await database_sync_to_async(self.chat.moderation.queue)(self.name):
                self.tell(item)

    # --- what others tell -------------------------------------------------------------------------------------------------

    async def user_out(self, event: dict[str, Any]) -> None:
        if event["room"] not in (None, self.name):
            return
        if event["code"] in BANS:
            self.show_out("banned", BANNED)
        else:  # a timeout, or the end of one: another may still hold
            self._tell_out(await self._what_keeps_out())

    async def user_signed_out(self, event: dict[str, Any]) -> None:
        key = identity.session_key(self.scope)
        if key and identity.fingerprint(key) == event["session"]:
            self.show_out("signed_out", SIGNED_OUT)

    async def user_item(self, event: dict[str, Any]) -> None:
        if event["room"] == self.name:
            self.tell(event["item"])

    async def user_role(self, event: dict[str, Any]) -> None:
        if event["room"] not in (None, self.name) or self.author is None or self.session is None:
            return
        before, self.author = self.author, await self._ask_author(self.author.id)
        self.session.about["you"] = speech.you(self.author)
        if before.role in MODERATORS and self.author.role not in MODERATORS:
            await self.channel_layer.group_discard(f"mods.{self.name}", self.channel_name)
        await self._listen_to_moderators(self.author)
        self.tell({"t": "role", "role": self.author.role})

    async def room_item(self, event: dict[str, Any]) -> None:
        self.tell(event["item"])
