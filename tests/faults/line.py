"""A publisher's way to the RTMP server: it can go dark, so that neither side hears of it, and come from any address."""

from __future__ import annotations

import socket
import threading
from typing import Self
from urllib.parse import urlsplit

CHUNK = 1 << 16
LOOK_S = 0.2


class Line:
    """For one connection after the other."""

    def __init__(self, url: str, source: str = "127.0.0.1", listener: socket.socket | None = None) -> None:
        self.address, self.source = urlsplit(url), source
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
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
            for one, other in ((near, far), (far, near)):
                one.settimeout(LOOK_S)
                self.threads.append(threading.Thread(target=self._carry, args=(one, other)))
                self.threads[-1].start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        while not self.over.is_set():
            try:
                data = one.recv(CHUNK)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            if self.dark.is_set():
                return
            if not data:
                other.close()
                return
            other.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        for each in [*self.sockets, self.listener]:
            each.close()
