"""A publisher whose stamps are as strange as a test wants them: it sends what ffmpeg has recorded."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, Self

from tests.e2e.publisher import command
from tests.e2e.raw_rtmp import AUDIO, VIDEO, RawPublisher

FLV_HEADER = 9 + 4
TAG_HEADER = 11
TAG_TAIL = 4


class Tag(NamedTuple):
    """Of an FLV file, and when it is sent (ms after the first one)."""

    kind: int
    due_ms: int
    stamp_ms: int
    body: bytes

    @property
    def is_header(self) -> bool:
        """An AVC or AAC sequence header."""
        return (self.kind == VIDEO or self.body[0] >> 4 == 10) and self.body[1] == 0

    def after(self, ms: int) -> Tag:
        return self._replace(due_ms=self.due_ms + ms, stamp_ms=self.stamp_ms + ms)

    def stamped(self, ms: int) -> Tag:
        return self._replace(stamp_ms=ms)


@cache
def clip(seconds: int, **feed: Any) -> list[Tag]:
    """What ffmpeg would publish in that time."""
    argv = [word for word in command("pipe:1", seconds=seconds, **feed) if word != "-re"]
    return list(tags(subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout))


def tags(flv: bytes) -> Iterator[Tag]:
    at = FLV_HEADER
    while at < len(flv):
        kind, start, size = flv[at], at + TAG_HEADER, int.from_bytes(flv[at + 1 : at + 4], "big")
        stamp_ms = flv[at + 7] << 24 | int.from_bytes(flv[at + 4 : at + 7], "big")
        if kind in (AUDIO, VIDEO):
            yield Tag(kind, stamp_ms, stamp_ms, flv[start : start + size])
        at = start + size + TAG_TAIL


def joined(*clips: list[Tag]) -> Iterator[Tag]:
    """One after the other, with stamps that go on."""
    begins_ms = 0
    for tags in clips:
        yield from (tag.after(begins_ms) for tag in tags)
        begins_ms += length_ms(tags)


def length_ms(tags: list[Tag]) -> int:
    last = max(tag.stamp_ms for tag in tags if tag.kind == VIDEO)
    before = max(tag.stamp_ms for tag in tags if tag.kind == VIDEO and tag.stamp_ms < last)
    return 2 * last - before


class Relay:
    """Sends tags when they are due, from the moment it is made."""

    def __init__(self, url: str, tags: Iterable[Tag]) -> None:
        self.url, self.tags = url, tags
        self.began = time.time()
        self.fault = ""
        self.over = threading.Event()
        self.sending = threading.Thread(target=self._send)
        self.sending.start()

    def _send(self) -> None:
        try:
            with RawPublisher(self.url) as rtmp:
                began = time.monotonic()
                for tag in self.tags:
                    if self.over.wait(max(0.0, began + tag.due_ms / 1000 - time.monotonic())):
                        return
                    rtmp.send_media(tag.kind, tag.stamp_ms, tag.body)
        except OSError as error:  # it was refused, or dropped
            self.fault = str(error)

    @property
    def runs(self) -> bool:
        return self.sending.is_alive()

    def said(self) -> str:
        return self.fault

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.sending.join()
