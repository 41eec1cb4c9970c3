"""How frames reach a client: what a transport is, and the one over a WebSocket. (peer.py has the one over a data channel.)"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

LOSSY_BYTES = 16_384  # with more than this unsent, what may be lost is not sent
TEXT_FRAME = 0x81  # RFC 6455 5.2: final, text


class Frame:
    """Encoded items: made once, sent to many."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def data(self) -> bytes:
        return self.text.encode()

    @cached_property
    def wire(self) -> bytes:
        """As a server's WebSocket frame, which is the same for everybody (RFC 6455 5.1: not masked)."""
        data = self.data
        if len(data) < 126:
            return struct.pack("!BB", TEXT_FRAME, len(data)) + data
        if len(data) < 65536:
            return struct.pack("!BBH", TEXT_FRAME, 126, len(data)) + data
        return struct.pack("!BBQ", TEXT_FRAME, 127, len(data)) + data


class Transport(Protocol):
    """Takes a frame at once, whoever reads it or not: a slow client must hold up nobody else."""

    @property
    def is_open(self) -> bool: ...

    @property
    def buffered(self) -> int:
        """Bytes that have not left."""

    def send(self, frame: Frame) -> None:
        """In order, and none lost while the transport is open."""

    def send_lossy(self, frame: Frame) -> None:
        """What is worth nothing later: dropped first."""


class Wire(Protocol):
    """What the server adds to a connection's scope: its socket, beside ASGI's `send`, which waits for slow readers."""

    last_words: Callable[[], bytes] | None  # sent when the process ends in order

    @property
    def is_open(self) -> bool: ...

    @property
    def buffered(self) -> int: ...

    def write(self, frame: bytes) -> None: ...

    def close(self, code: int) -> None:
        """Also where nobody reads any more."""


class WebSocketTransport:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    @property
    def is_open(self) -> bool:
        return self.wire.is_open

    @property
    def buffered(self) -> int:
        return self.wire.buffered

    def send(self, frame: Frame) -> None:
        self.wire.write(frame.wire)

    def send_lossy(self, frame: Frame) -> None:
        if self.wire.buffered <= LOSSY_BYTES:
            self.wire.write(frame.wire)
