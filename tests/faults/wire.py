"""A poor line between a publisher in a network namespace of its own and the RTMP server: packets are lost, late, out of order.

What `tc qdisc add … netem` does, for kernels without it: the namespaces' packets pass through here, each end a TUN device.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import secrets
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

import pytest

from tests.faults.quality import Packets, Quality

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # linux/if_tun.h
CLONE_NEWNET = 0x40000000
TUN = Path("/dev/net/tun")
NEAR, FAR = "192.0.2.1", "192.0.2.2"  # RFC 5737: nobody's
LONGEST_PACKET = 1 << 16
LIMIT = 1000  # packets that wait; as netem's
LOOK_S = 0.2

T = TypeVar("T")


class Wire:
    """From NEAR, where a publisher runs, to FAR, where `listener` is; the way back is a good one."""

    def __init__(self, quality: Quality, chance: random.Random) -> None:
        self.packets = Packets(quality, chance)
        self.over = threading.Event()
        self.waiting: list[tuple[float, int, bytes]] = []  # when it arrives
        self.numbers = itertools.count()

    def __enter__(self) -> Self:
        """Skips where namespaces and their devices cannot be made."""
        with ExitStack() as made:
            try:
                self._make(made)
            except OSError as error:
                pytest.skip(f"no TUN devices in network namespaces can be made here: {error}")
            self.made = made.pop_all()
        self.carrying = threading.Thread(target=self._carry)
        self.carrying.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.carrying.join()
        self.made.close()

    def _make(self, made: ExitStack) -> None:
        name = f"wire-{secrets.token_hex(4)}"
        self.names = [f"{name}-near", f"{name}-far"]
        self.ends: list[int] = []
        for each, own, other in zip(self.names, (NEAR, FAR), (FAR, NEAR), strict=True):
            ip("netns", "add", each)
            made.callback(ip, "netns", "del", each)
            self.ends.append(within(each, open_tun))
            made.callback(os.close, self.ends[-1])
            ip("-n", each, "addr", "add", own, "peer", other, "dev", "tun0")
            ip("-n", each, "link", "set", "tun0", "up")
        self.listener = made.enter_context(within(self.names[1], lambda: socket.create_server((FAR, 0))))

    @property
    def inside(self) -> tuple[str, ...]:
        """What goes before the command line of a publisher."""
        return ("ip", "netns", "exec", self.names[0])

    def _carry(self) -> None:
        near, far = self.ends
        while not self.over.is_set():
            due_s = self.waiting[0][0] - time.monotonic() if self.waiting else LOOK_S
            readable, _, _ = select.select(self.ends, [], [], max(0.0, min(due_s, LOOK_S)))
            if far in readable:
                os.write(near, os.read(far, LONGEST_PACKET))
            if near in readable:
                self._take(os.read(near, LONGEST_PACKET), time.monotonic())
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                os.write(far, heapq.heappop(self.waiting)[2])

    def _take(self, packet: bytes, now: float) -> None:
        if not self.packets.loses() and len(self.waiting) < LIMIT:
            heapq.heappush(self.waiting, (self.packets.arrives_at(len(packet), now), next(self.numbers), packet))


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def within(namespace: str, make: Callable[[], T]) -> T:
    """In a thread that enters it and ends: what it has opened stays there."""

    def run() -> T:
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{namespace}").open() as file:
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"network namespace {namespace}")
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def open_tun() -> int:
    end = os.open(TUN, os.O_RDWR)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    return end
