"""A line between two sockets; where time is measured, a busy machine makes it longer and never shorter."""

from __future__ import annotations

import itertools
import random
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.faults.line import Line
from tests.faults.quality import GOOD, Quality

PATIENCE_S = 30
CHUNK = 1 << 16
DELAY_S, JITTER_S = 0.3, 0.1
POOR = Quality(loss=0.05, delay_s=DELAY_S, jitter_s=JITTER_S, bit_s=800_000)
STILL = Quality(loss=0, delay_s=DELAY_S, jitter_s=0, bit_s=8000)  # a kilobyte a second
SENT = random.Random(12).randbytes(100_000)  # takes POOR a second
HELD_S = 1
KEPT = 600_000  # by both kernels and the line; where neither was bounded, five times that


@contextmanager
def ends(quality: Quality) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Of a publisher and of a server, with a line between them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with Line(f"rtmp://{host}:{port}/live", quality=quality) as line:
            address = urlsplit(line.url)
            publisher = socket.create_connection((address.hostname, address.port), PATIENCE_S)
            with publisher, server.accept()[0] as served:
                served.settimeout(PATIENCE_S)
                yield publisher, served


@contextmanager
def saying(one: socket.socket) -> Iterator[None]:
    """All of SENT, and that this was all."""

    def say() -> None:
        one.sendall(SENT)
        one.shutdown(socket.SHUT_WR)

    with ThreadPoolExecutor(1) as thread:
        said = thread.submit(say)
        yield
        said.result()


def heard(one: socket.socket) -> bytes:
    return b"".join(iter(lambda: one.recv(CHUNK), b""))


@pytest.mark.parametrize("quality", [GOOD, POOR], ids=["good", "poor"])
def test_a_line_carries_all_that_is_said_in_order_and_then_its_end(quality: Quality) -> None:
    with ends(quality) as (publisher, served), saying(publisher):
        assert heard(served) == SENT


def test_a_poor_line_is_late_and_slow() -> None:
    with ends(POOR) as (publisher, served):
        began = time.monotonic()
        with saying(publisher):
            served.recv(1)
            late_s = time.monotonic() - began
            heard(served)
        took_s = time.monotonic() - began
    assert late_s >= DELAY_S - JITTER_S and took_s >= len(SENT) * 8 / POOR.bit_s


def test_the_way_back_of_a_poor_line_is_a_good_one() -> None:
    with ends(STILL) as (publisher, served), saying(served):
        began = time.monotonic()
        assert heard(publisher) == SENT
    assert time.monotonic() - began < len(SENT) * 8 / STILL.bit_s


def test_a_line_that_is_full_holds_its_publisher_up() -> None:
    with ends(STILL) as (publisher, _):
        sent = sum(itertools.takewhile(bool, (written(publisher) for _ in itertools.count())))
    assert sent <= KEPT


def written(one: socket.socket) -> int:
    """Nothing where there is room for nothing, for so long."""
    return one.send(bytes(1000)) if select.select([], [one], [], HELD_S)[1] else 0
