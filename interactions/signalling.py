"""One client's way to WebRTC: it offers, we answer; the offer's number says which peer is meant."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from interactions.limits import Paces
from interactions.peer import Peer, Peers, ice_servers
from interactions.protocol import IceCandidate, Offer
from interactions.sdp import BadOffer

log = logging.getLogger(__name__)

ANSWER_S = 3

Tell = Callable[[dict[str, Any]], None]


class Signalling:
    """TELL goes by the WebSocket; HEAR is given what comes by data channels."""

    def __init__(self, peers: Peers, paces: Paces, tell: Tell, hear: Callable[[Peer, str | bytes], None]) -> None:
        self.peers, self.paces = peers, paces
        self.peer: Peer | None = None
        self.gen = -1
        self._tell, self._hear = tell, hear

    def servers(self, who: str, address: str) -> dict[str, Any] | None:
        """What a browser makes its connection with; None where there is room for no more."""
        return None if self.peers.is_full_for(address) else {"iceServers": ice_servers(who, int(time.time()))}

    async def offer(self, frame: Offer, who: str, address: str, now: float) -> None:
        self.close()
        self.gen = frame.gen
        if self.peers.is_full_for(address):
            self._fail("full")
        elif not self.paces.offer(who, address, now):
            self._fail("rate")
        else:
            await self._answer(frame, address)

    async def _answer(self, frame: Offer, address: str) -> None:
        peer = self.peer = self.peers.make(address, self._hear, self._closed)
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await peer.answer(frame.sdp)
        except (BadOffer, TimeoutError) as error:
            self.close()
            self._fail(str(error) or "timeout")
            return
        self._tell({"t": "rtc.answer", "gen": frame.gen, "sdp": answer})

    async def candidate(self, frame: IceCandidate) -> None:
        if self.peer and frame.gen == self.gen:
            await self.peer.add_candidate(frame.candidate)

    def close(self) -> None:
        peer, self.peer = self.peer, None
        if peer:
            peer.close()

    def _closed(self, peer: Peer) -> None:
        """Also where nobody here has closed it."""
        if peer is self.peer:
            self.peer = None
            self._fail("closed")

    def _fail(self, reason: str) -> None:
        self._tell({"t": "rtc.fail", "gen": self.gen, "reason": reason})
