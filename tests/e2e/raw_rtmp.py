"""The least of RTMP that publishes: for video and stamps that ffmpeg would not send. (Adobe's RTMP 1.0; Enhanced RTMP v2.)"""

from __future__ import annotations

import os
import socket
import struct
from typing import Self
from urllib.parse import urlsplit

VERSION = b"\x03"
HANDSHAKE = 1536
ANSWER = 1 + 2 * HANDSHAKE
STARTED = b"NetStream.Publish.Start"
SET_CHUNK_SIZE, AUDIO, VIDEO, DATA, COMMAND = 1, 8, 9, 18, 20
CHUNK = 1 << 16
EXTENDED = 0xFFFFFF  # in the place of a time stamp of more than 24 bits, which follows
AMF_NUMBER, AMF_STRING, AMF_OBJECT, AMF_NULL, AMF_END = b"\x00", b"\x02", b"\x03", b"\x05", b"\x00\x00\x09"


class RawPublisher:
    """Publishes as soon as it is made; `send_video` and `send_media` then send the bodies of FLV tags."""

    def __init__(self, url: str, name: str | None = None) -> None:
        """NAME: one that no URL holds."""
        address = urlsplit(url)
        self.app, _, in_url = address.path.removeprefix("/").partition("/")
        self.name = in_url if name is None else name
        self.socket = socket.create_connection((address.hostname, address.port), timeout=10)
        self.handshake()
        self.socket.sendall(publishing(f"{address.scheme}://{address.netloc}/{self.app}", self.app, self.name))
        self.wait_for(STARTED)

    def handshake(self) -> None:
        self.socket.sendall(greeting())
        self.socket.sendall(reply(self.receive(ANSWER)))

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.some()
        return data

    def some(self) -> bytes:
        data = self.socket.recv(CHUNK)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return data

    def wait_for(self, words: bytes) -> None:
        seen = b""
        while words not in seen:
            seen += self.some()

    def send_video(self, at_ms: int, body: bytes) -> None:
        self.send_media(VIDEO, at_ms, body)

    def send_media(self, kind: int, at_ms: int, body: bytes) -> None:
        self.send(kind, body, stream=1, at_ms=at_ms % (1 << 32))

    def send(self, kind: int, body: bytes, stream: int = 0, at_ms: int = 0) -> None:
        self.socket.sendall(message(kind, body, stream, at_ms))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def greeting() -> bytes:
    return VERSION + bytes(8) + os.urandom(HANDSHAKE - 8)


def reply(answer: bytes) -> bytes:
    return answer[1 : 1 + HANDSHAKE]


def publishing(url: str, app: str, name: str) -> bytes:
    """All that is asked for before the media; answers need not be waited for."""
    size = message(SET_CHUNK_SIZE, struct.pack(">I", CHUNK))
    connect = command("connect", 1, {"app": app, "type": "nonprivate", "tcUrl": url})
    return size + connect + command("createStream", 2, None) + command("publish", 3, None, name, "live", stream=1)


def command(name: str, number: int, *arguments: str | dict[str, str] | None, stream: int = 0) -> bytes:
    return message(COMMAND, amf(name) + amf(float(number)) + b"".join(map(amf, arguments)), stream)


def message(kind: int, body: bytes, stream: int = 0, at_ms: int = 0) -> bytes:
    """A chunk with a full header (type 0, chunk stream 3), and what does not fit into it in chunks of type 3."""
    stamp = struct.pack(">I", at_ms) if at_ms >= EXTENDED else b""
    short = min(at_ms, EXTENDED).to_bytes(3, "big")
    head = b"\x03" + short + len(body).to_bytes(3, "big") + bytes([kind]) + struct.pack("<I", stream)
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    return head + stamp + (b"\xc3" + stamp).join(chunks)


def amf(value: str | float | dict[str, str] | None) -> bytes:
    if value is None:
        return AMF_NULL
    if isinstance(value, float):
        return AMF_NUMBER + struct.pack(">d", value)
    if isinstance(value, str):
        return AMF_STRING + text(value)
    return AMF_OBJECT + b"".join(text(name) + amf(item) for name, item in value.items()) + AMF_END


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data
