"""One encode job: an ffmpeg child, what it writes, and when it must stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum

from redis.asyncio import Redis

from streams import clock, ffmpeg
from streams.hls import fmp4
from streams.ladder import AUDIO, BY_NAME, SOURCE, Profile
from streams.packager import Jumped, Packager, Withdraw, packager
from streams.segment_cache import Fenced, Forgotten, Opening, Writer

log = logging.getLogger(__name__)

SILENCE_S = 5.0  # without a fragment: the stream is over
CHUNK = 1 << 18
# ffmpeg's words
NO_SUCH_STREAM = "matches no streams"
CANNOT_COPY = "codec not currently supported in container"


class Outcome(Enum):
    SILENT = "the stream fell silent"
    ENDED = "ffmpeg ended"
    WITHDRAWN = "the broadcast does without this rendition"
    FENCED = "somebody else has taken over, or the broadcast has ended"
    FORGOTTEN = "Redis was emptied"
    CANCELLED = "the worker is stopping"


@dataclass(frozen=True, slots=True)
class Job:
    opening: Opening
    rendition: str
    epoch: int
    url: str  # RTMP
    profile: Profile | None
    binary: str
    preset: str

    @property
    def broadcast_id(self) -> str:
        return self.opening.broadcast_id

    def argv(self, fresh: bool, encode_audio: bool) -> list[str]:
        if self.rendition == SOURCE:
            return ffmpeg.source(self.binary, self.url, fresh)
        if self.rendition == AUDIO:
            return ffmpeg.audio(self.binary, self.url, encode_audio)
        return ffmpeg.transcode(self.binary, self.url, fresh, BY_NAME[self.rendition], self.profile, self.preset)


class Child:
    """An ffmpeg process and the last lines that it complained in."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout and process.stderr
        self.process = process
        self.stdout = process.stdout
        self.complaints: deque[str] = deque(maxlen=20)
        self._listening = asyncio.create_task(self._listen(process.stderr))

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            if text := line.decode(errors="replace").strip():
                self.complaints.append(text)

    def said(self, words: str) -> bool:
        return any(words in line for line in self.complaints)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self._listening


@asynccontextmanager
async def child(argv: list[str]) -> AsyncIterator[Child]:
    """ffmpeg dies with this process, and with this block."""
    process = await asyncio.create_subprocess_exec(
        "setpriv",
        "--pdeathsig",
        "KILL",
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=CHUNK,
        env={"PATH": os.environ.get("PATH", os.defpath), "AV_LOG_FORCE_NOCOLOR": "1"},
    )
    running = Child(process)
    try:
        yield running
    finally:
        await running.stop()


async def run(job: Job, redis: Redis, first_part: Callable[[], Awaitable[None]]) -> Outcome:
    """Encode until the stream ends, the lease is lost in Redis, or the rendition makes no sense. Cancel it to stop."""
    writer = Writer(redis, job.broadcast_id, job.rendition, job.epoch)
    try:
        await writer.begin(job.opening)
        async with clock.follow(redis, job.broadcast_id) if job.rendition == AUDIO else nullcontext(clock.ClockView()) as view:
            return await _eras(job, writer, view, first_part)
    except Fenced:
        return Outcome.FENCED
    except Forgotten:
        return Outcome.FORGOTTEN


async def _eras(job: Job, writer: Writer, view: clock.ClockView, first_part: Callable[[], Awaitable[None]]) -> Outcome:
    """One ffmpeg after the other: a jump of the stamps begins a new one, and so does audio that cannot be copied."""
    fresh, encode_audio = job.epoch == 1, False
    while True:
        pack = packager(writer, job.opening.part_ms, now_ms, job.profile, view)
        async with child(job.argv(fresh, encode_audio)) as running:
            try:
                outcome = await _read(running, pack, first_part)
            except Jumped as jump:
                era = await writer.jump(jump.pts_ms, now_ms())
                log.info("%s of %s: era %d", job.rendition, job.broadcast_id, era)
                fresh = False
                continue
            except Withdraw as reason:
                return await _withdraw(job, writer, str(reason))
            except fmp4.Unsupported as error:
                running.complaints.append(f"{CANNOT_COPY}: {error.name}")
                outcome = Outcome.ENDED
        if pack.stored or outcome is Outcome.SILENT:
            return _explain(job, running, outcome)
        if running.said(CANNOT_COPY):
            if job.rendition != AUDIO:
                await writer.measured({"unsupported": True})
                return await _withdraw(job, writer, "the source cannot be copied")
            if not encode_audio:
                encode_audio = True
                await writer.promise_audio()
                continue
        if running.said(NO_SUCH_STREAM) and not fresh:
            return await _withdraw(job, writer, "there is no such track")
        if not fresh:
            return _explain(job, running, outcome)
        fresh = False  # it may have come too late for a short analysis


async def _withdraw(job: Job, writer: Writer, reason: str) -> Outcome:
    log.info("%s of %s: %s", job.rendition, job.broadcast_id, reason)
    await writer.report(None, now_ms())
    return Outcome.WITHDRAWN


def _explain(job: Job, running: Child, outcome: Outcome) -> Outcome:
    if running.complaints:
        log.info("%s of %s: %s: %s", job.rendition, job.broadcast_id, outcome.value, running.complaints[-1])
    return outcome


async def _read(running: Child, pack: Packager, first_part: Callable[[], Awaitable[None]]) -> Outcome:
    reader = fmp4.Reader()
    patience: float | None = None  # until the publisher sends media
    while True:
        try:
            async with asyncio.timeout(patience):
                chunk = await running.stdout.read(CHUNK)
        except TimeoutError:
            return Outcome.SILENT
        if not chunk:
            return Outcome.ENDED
        for item in reader.feed(chunk):
            if isinstance(item, fmp4.Init):
                await pack.begin(item)
                patience = SILENCE_S
                continue
            before = pack.stored
            await pack.push(item)
            if not before and pack.stored:
                await first_part()


def now_ms() -> int:
    return int(time.time() * 1000)
