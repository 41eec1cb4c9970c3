"""A viewer's WebRTC peer: the data channels `chat` (in order, nothing lost) and `rx` (what is worth nothing later)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence

import ifaddr
from aioice import ice
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from django.conf import settings

from interactions import fastlane, metrics, sdp
from interactions.sdp import BadOffer
from interactions.transport import LOSSY_BYTES, Frame
from streams.addresses import network

log = logging.getLogger(__name__)

OPEN_S = 20  # so long may a peer take until its channel is open
LABELS = ("chat", "rx")
TURN_S = 3600  # credentials are good for so long
MOST_FROM = 30  # peers of one address (IPv6: one /64)


class ChannelTransport:
    """Over `chat` and, where it is open, `rx`."""

    def __init__(self, chat: RTCDataChannel, peer: Peer) -> None:
        self.chat = chat
        self.peer = peer

    @property
    def is_open(self) -> bool:
        return self.chat.readyState == "open"

    @property
    def buffered(self) -> int:
        return self.chat.bufferedAmount

    def send(self, frame: Frame) -> None:
        if self.chat.readyState == "open":
            self.peer.send(self.chat, frame)

    def send_lossy(self, frame: Frame) -> None:
        rx = self.peer.rx
        if rx is not None and rx.readyState == "open" and rx.bufferedAmount <= LOSSY_BYTES and self.buffered <= LOSSY_BYTES:
            self.peer.send(rx, frame)


class Peer:
    """HEAR is given what comes, and CLOSED is called, once, however the peer ends."""

    def __init__(
        self, peers: Peers, address: str, hear: Callable[[Peer, str | bytes], None], closed: Callable[[Peer], None]
    ) -> None:
        self.peers, self.address = peers, address
        self.chat: ChannelTransport | None = None
        self.rx: RTCDataChannel | None = None
        self.candidates = 0
        self.is_closed = False
        self._hear, self._closed = hear, closed
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # without a list it asks Google
        self._pc.on("datachannel", self._take_channel)
        self._pc.on("connectionstatechange", self._see_state)
        self._deadline = asyncio.get_running_loop().call_later(OPEN_S, self.close_unopened)

    async def answer(self, offer: str) -> str:
        """Raises BadOffer."""
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp.clean_offer(offer), "offer"))
            assert self._pc.sctp
            fastlane.bound_reassembly(self._pc.sctp, self.close)
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except BadOffer:
            raise
        except Exception as error:  # aiortc's parser says what is wrong by whatever breaks
            log.debug("an offer was not understood", exc_info=error)
            raise BadOffer("not_understood") from error
        named = settings.CHAT_ICE_ADDRESSES
        return sdp.named_candidates(self._pc.localDescription.sdp, named, own_addresses(), self.address)

    async def add_candidate(self, text: str) -> None:
        self.candidates += 1
        text = text.removeprefix("a=")
        if self.is_closed or self.candidates > sdp.CANDIDATES or not sdp.is_usable(text):
            return
        candidate = candidate_from_sdp(text.removeprefix("candidate:"))
        candidate.sdpMLineIndex = 0
        await self._pc.addIceCandidate(candidate)

    def _take_channel(self, channel: RTCDataChannel) -> None:
        channel.bufferedAmountLowThreshold = fastlane.NEVER  # an event for each message, which nobody waits for
        if channel.label not in LABELS or (self.chat if channel.label == "chat" else self.rx):
            self.close()
        elif channel.label == "rx":
            self.rx = channel
            channel.on("message", lambda data: self._hear(self, data))
        elif channel.ordered and channel.maxRetransmits is None and channel.maxPacketLifeTime is None:
            self._deadline.cancel()
            self.chat = ChannelTransport(channel, self)
            fastlane.receive_at_once(channel, self.close)
            channel.on("message", lambda data: self._hear(self, data))
            channel.on("close", self.close)
        else:
            self.close()

    def _see_state(self) -> None:
        if self._pc.connectionState in ("failed", "closed"):
            self.close()

    def send(self, channel: RTCDataChannel, frame: Frame) -> None:
        try:
            fastlane.send(channel, frame.data)
        except ConnectionError:
            self.close()

    def close_unopened(self) -> None:
        if self.chat is None:
            self.close()

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._deadline.cancel()
        self.peers.forget(self, self._pc)
        self._closed(self)


class Peers:
    """Those of this process: at most so many, and of one address a part of them."""

    def __init__(self, most: int) -> None:
        self.most, self.most_from = most, MOST_FROM
        self.open: set[Peer] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        return len(self.open) >= self.most

    def is_full_for(self, address: str) -> bool:
        of_one = sum(network(peer.address) == network(address) for peer in self.open)
        return self.is_full or of_one >= self.most_from

    def make(self, address: str, hear: Callable[[Peer, str | bytes], None], closed: Callable[[Peer], None]) -> Peer:
        peer = Peer(self, address, hear, closed)
        self.open.add(peer)
        metrics.peers.set(len(self.open))
        return peer

    def forget(self, peer: Peer, connection: RTCPeerConnection) -> None:
        self.open.discard(peer)
        metrics.peers.set(len(self.open))
        task = asyncio.get_running_loop().create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


# --- addresses ------------------------------------------------------------------------------------------------------------


def own_addresses() -> list[str]:
    found = [address.ip for adapter in ifaddr.get_adapters() for address in adapter.ips]
    return [each if isinstance(each, str) else each[0] for each in found]


def bound_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Where peers listen: at the addresses that answers are to name, where all of them are this machine's."""
    named = settings.CHAT_ICE_ADDRESSES
    if named and set(named) <= set(own_addresses()):
        return [address for address in named if (use_ipv6 if ":" in address else use_ipv4)]
    return all_addresses(use_ipv4, use_ipv6)


# aioice takes every address but 127.0.0.1, and offers no choice.
all_addresses: Callable[[bool, bool], list[str]] = ice.get_host_addresses
ice.get_host_addresses = bound_addresses


def ice_servers(user: str, now_s: int) -> Sequence[dict[str, str]]:
    """For the browser: the TURN server, with credentials that end (coturn's use-auth-secret)."""
    if not settings.TURN_URL:
        return []
    name = f"{now_s + TURN_S}:{user}"
    digest = hmac.new(settings.TURN_SECRET.encode(), name.encode(), hashlib.sha1).digest()
    return [{"urls": settings.TURN_URL, "username": name, "credential": base64.b64encode(digest).decode()}]
