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
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # linux/if_tun.h
CLONE_NEWNET = 0x40000000
TUN = Path("/dev/net/tun")
NEAR, FAR = "192.0.2.1", "192.0.2.2"  # RFC 5737: nobody's
LONGEST_PACKET = 1 << 16
LIMIT = 1000  # packets that wait; as netem's
LOOK_S = 0.2

T = TypeVar("T")


@dataclass(frozen=True)
class Quality:
    loss: float
    delay_s: float
    jitter_s: float
    bit_s: float


class Wire:
    """From NEAR, where a publisher runs, to FAR, where `listener` is; the way back is a good one."""

    def __init__(self, quality: Quality, chance: random.Random) -> None:
        self.quality, self.chance = quality, chance
        self.over = threading.Event()
        self.waiting: list[tuple[float, int, bytes]] = []  # when it arrives
        self.numbers = itertools.count()
        self.free_at = 0.0
        self.sent = self.lost = 0

    def __enter__(self) -> Self:
        name = f"wire-{secrets.token_hex(4)}"
        self.names = [f"{name}-near", f"{name}-far"]
        for each in self.names:
            ip("netns", "add", each)
        self.ends = [within(each, open_tun) for each in self.names]
        for each, own, other in (*zip(self.names, (NEAR, FAR), (FAR, NEAR), strict=True),):
            ip("-n", each, "addr", "add", own, "peer", other, "dev", "tun0")
            ip("-n", each, "link", "set", "tun0", "up")
        self.listener = within(self.names[1], lambda: socket.create_server((FAR, 0)))
        self.carrying = threading.Thread(target=self._carry)
        self.carrying.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.carrying.join()
        self.listener.close()
        for end in self.ends:
            os.close(end)
        for each in self.names:
            ip("netns", "del", each)

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
        quality = self.quality
        self.sent += 1
        if self.chance.random() < quality.loss or len(self.waiting) >= LIMIT:
            self.lost += 1
            return
        self.free_at = max(self.free_at, now) + len(packet) * 8 / quality.bit_s
        late_s = quality.delay_s + self.chance.uniform(-quality.jitter_s, quality.jitter_s)
        heapq.heappush(self.waiting, (self.free_at + late_s, next(self.numbers), packet))


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


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
