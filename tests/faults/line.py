"""A publisher's way to the RTMP server: it can be poor, go dark so that neither side hears of it, and come from any address."""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from tests.faults.quality import GOOD, Quality, Stream

PACKET = 1448  # as Ethernet carries it
RECEIVED = 1 << 14
LOOK_S = 0.2
SEED = 12


class Line:
    """For one connection after the other; the way back is a good one."""

    def __init__(
        self, url: str, source: str = "127.0.0.1", listener: socket.socket | None = None, quality: Quality = GOOD
    ) -> None:
        self.address, self.source, self.quality = urlsplit(url), source, quality
        self.listener = listener or (listening() if quality == GOOD else narrow())
        self.listener.settimeout(LOOK_S)
        self.sockets: list[socket.socket] = []
        self.dark, self.over = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    @property
    def url(self) -> str:
        """In place of the server's."""
        host, port = self.listener.getsockname()
        return self.address._replace(netloc=f"{host}:{port}").geturl()

    def go_dark(self) -> None:
        """What is on its way is lost, and nobody is told that the connection has ended."""
        self.dark.set()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                near, _ = self.listener.accept()
            except TimeoutError:
                continue
            assert self.address.hostname and self.address.port
            far = socket.create_connection((self.address.hostname, self.address.port), source_address=(self.source, 0))
            self.sockets += [near, far]
            for each in (near, far):  # before either is carried, since then the other may close it
                each.settimeout(LOOK_S)
            for one, other, quality in ((near, far, self.quality), (far, near, GOOD)):
                stream = Stream(quality, random.Random(SEED))
                self.threads.append(threading.Thread(target=self._carry, args=(one, other, stream)))
                self.threads[-1].start()

    def _carry(self, one: socket.socket, other: socket.socket, stream: Stream) -> None:
        with suppress(ConnectionError):  # nobody is there to whom it could be carried
            while not self.over.is_set():
                self._hear(one, stream)
                if self.dark.is_set():
                    return
                for packet in stream.arrived(time.monotonic()):
                    if not packet:
                        other.close()
                        return
                    other.sendall(packet)

    def _hear(self, one: socket.socket, stream: Stream) -> None:
        due_s = stream.due_s(time.monotonic(), LOOK_S)
        if stream.is_full:
            self.over.wait(due_s)
        elif (packet := heard(one, due_s)) is not None:
            stream.take(packet, time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        for each in [*self.sockets, self.listener]:
            each.close()


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def narrow() -> socket.socket:
    """Whoever connects has small packets, so that the kernels keep no more than on a real line."""
    listener = listening()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, PACKET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    return listener


def heard(one: socket.socket, within_s: float) -> bytes | None:
    """None: nothing yet; an empty packet: nothing any more."""
    try:
        return one.recv(PACKET) if select.select([one], [], [], within_s)[0] else None
    except (OSError, ValueError):  # it is gone, or was closed here
        return b""
