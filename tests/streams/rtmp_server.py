"""The RTMP server's control page, as a test wants it to be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from streams.rtmp import Stream

PUBLISHER = "<client><id>{id}</id><publishing/><active/></client>"
READER = "<client><id>9</id><active/></client>"


class RtmpServer:
    """Holds what is published and waited for, by ingest name, and notes who was dropped."""

    UPTIME_S, ACCEPTED, BYTES_IN, BYTES_OUT = 1072, 4, 438_709, 876_527

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.dropped: list[str] = []
        self.looks = 0
        self.working = True

    def answer(self, url: str) -> bytes:
        parts = urlsplit(url)
        if parts.path == "/stat":
            self.looks += 1
            return self.statistics()
        assert parts.path == "/control/drop/publisher", url
        self.dropped += parse_qs(parts.query)["name"]
        return b"1"

    def statistics(self) -> bytes:
        listed = "".join(self._stream(name, stream) for name, stream in self.streams.copy().items())
        counted = {"uptime": self.UPTIME_S, "naccepted": self.ACCEPTED, "bytes_in": self.BYTES_IN, "bytes_out": self.BYTES_OUT}
        head = "".join(f"<{name}>{value}</{name}>" for name, value in counted.items())
        streams = f"<application><name>live</name><live>{listed}</live></application>"
        return f"<rtmp>{head}<server>{streams}</server></rtmp>".encode()

    @staticmethod
    def _stream(name: str, stream: Stream) -> str:
        publisher = PUBLISHER.format(id=stream.publisher) if stream.publisher else ""
        meta = f"<video><codec>{stream.video}</codec></video><audio><codec>{stream.audio}</codec></audio>"
        size = f"<bytes_in>{stream.bytes_in}</bytes_in>"
        return f"<stream><name>{name}</name>{size}{publisher}{READER * stream.readers}<meta>{meta}</meta></stream>"


@pytest.fixture
def rtmp_server(settings: Settings) -> Iterator[RtmpServer]:
    state = RtmpServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = state.answer(self.path) if state.working else b""
            self.send_response(200 if state.working else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    settings.RTMP_CONTROL_URL = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
