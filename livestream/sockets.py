"""uvicorn's WebSocket protocol, with the socket itself for applications that send one frame to many."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

EXTENSION = "livestream.wire"
SEND_BUFFER = 131_072  # the kernel would keep megabytes for who does not read
GOODBYE_S = 2  # for the closing handshake, or for what is still unsent


class Wire:
    """See interactions.transport.Wire."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.last_words: Callable[[], bytes] | None = None

    @property
    def is_open(self) -> bool:
        protocol = self.protocol
        return protocol.handshake_complete and not protocol.close_sent and not protocol.transport.is_closing()

    @property
    def buffered(self) -> int:
        return self.protocol.transport.get_write_buffer_size()

    def write(self, frame: bytes) -> None:
        if self.is_open:
            self.protocol.transport.write(frame)

    def close(self, code: int) -> None:
        if self.is_open:
            self.protocol.say_goodbye(code)


class Protocol(WebSocketsSansIOProtocol):
    wire: Wire | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self.wire = Wire(self)
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self.wire

    def say_goodbye(self, code: int) -> None:
        """As the application's `websocket.close`, without waiting until there is room for it."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.abort_soon()

    def abort_soon(self) -> None:
        """A transport that is closed waits until everything is sent: for ever, where nobody reads."""
        self.loop.call_later(GOODBYE_S, self.transport.abort)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self.abort_soon()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self.abort_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.abort_soon()

    def shutdown(self) -> None:
        if self.wire and self.wire.is_open and self.wire.last_words:
            self.transport.write(self.wire.last_words())
        super().shutdown()
        self.abort_soon()
