"""A shorter way through aiortc, for many peers that are sent the same.

aiortc makes a task for whatever leaves, and takes what comes in from a queue, though nothing on either way ever waits: here the
same coroutines are run to their ends at once. Names with an underscore are aiortc's own; its version is pinned.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import RTCDataChannel, RTCSctpTransport
from aiortc.rtcsctptransport import WEBRTC_STRING
from OpenSSL import SSL

log = logging.getLogger(__name__)

DTLS = range(20, 64)  # first bytes (RFC 7983 7)
DATAGRAM_BYTES = 1500
CHUNKS = 32  # of a message that is not complete: a frame has five
NEVER = 4_294_967_295  # bytes


def finish(steps: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits."""
    try:
        steps.send(None)
    except StopIteration:
        return
    steps.close()
    raise AssertionError("aiortc waits where it did not before: it has another version than the one that is pinned")


def send(channel: RTCDataChannel, text: bytes) -> None:
    """As a string (RFC 8831 6.6), in UTF-8. Raises ConnectionError when the peer is gone."""
    channel._addBufferedAmount(len(text))
    channel.transport._data_channel_queue.append((channel, WEBRTC_STRING, text))
    finish(channel.transport._data_channel_flush())


def receive_at_once(channel: RTCDataChannel, close: Callable[[], None]) -> None:
    """Once it is open. What cannot be understood closes the peer, as it ends aiortc's own task."""
    dtls = channel.transport.transport
    connection = dtls.transport._connection
    queue = connection.data_received

    def receive(data: bytes, component: int) -> None:
        if not data:  # anybody may send one, and it ends aiortc's task
            return
        if data[0] not in DTLS or not connection._queue.empty():
            return queue(data, component)
        try:
            open_record(dtls, data, channel.transport)
        except SSL.ZeroReturnError:
            close()
        except Exception as error:
            log.debug("a peer's packet was not understood", exc_info=error)
            close()

    connection.data_received = receive  # type: ignore[method-assign]


def open_record(dtls: Any, data: bytes, sctp: RTCSctpTransport) -> None:
    dtls._ssl.bio_write(data)
    try:
        plain = dtls._ssl.recv(DATAGRAM_BYTES)
    except SSL.ZeroReturnError:
        raise
    except SSL.Error:  # forged, repeated, or part of a handshake, which may have an answer
        finish(dtls._write_ssl())
    else:
        finish(sctp._handle_data(plain))


def bound_reassembly(sctp: RTCSctpTransport, close: Callable[[], None]) -> None:
    """aiortc keeps the pieces of messages that never end, and looks through all of them for each that comes."""
    receive = sctp._receive_data_chunk

    async def receive_bounded(chunk: Any) -> None:
        await receive(chunk)
        if len(sctp._get_inbound_stream(chunk.stream_id).reassembly) > CHUNKS:
            close()

    sctp._receive_data_chunk = receive_bounded  # type: ignore[method-assign]
