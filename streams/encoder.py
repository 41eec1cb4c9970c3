"""One encode job: an ffmpeg child, what it writes, and when it must stop."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import clock, ffmpeg
from streams.cache_client import until_writable
from streams.cache_writer import Fenced, Forgotten, Writer
from streams.child import Child, child
from streams.hls import fmp4
from streams.ladder import AUDIO, BY_NAME, SOURCE, Profile
from streams.packager import Again, Packager, VideoPackager, Withdraw
from streams.segment_cache import Opening
from streams.sound import AudioPackager, Silence
from streams.source import SourcePackager

log = logging.getLogger(__name__)

STEADY_S = 10.0  # an ffmpeg that ends after that is followed by another at once; the reconciler has patience with the others
MANY, MANY_S = 5, 60.0  # so many ends in so long are a loop
OVERTAKEN_S = 3.0  # as STEADY_S, where there is a reason to begin anew
# ffmpeg's words
NO_SUCH_STREAM = "matches no streams"
CANNOT_COPY = "codec not currently supported in container"


class Outcome(Enum):
    SILENT = "the stream fell silent"
    ENDED = "ffmpeg ended"
    CRASHING = "ffmpeg ended again and again"
    OVERTAKEN = "what it read has changed"
    WITHDRAWN = "the broadcast does without this rendition"
    FENCED = "somebody else has taken over, or the broadcast has ended"
    FORGOTTEN = "Redis was emptied, or away"
    CANCELLED = "the worker is stopping"


class Way(NamedTuple):
    """How ffmpeg is started."""

    fresh: bool  # what comes first is the picture: before the publisher sends, or where there is no sound
    encode_audio: bool = False


class Attempt(NamedTuple):
    """What became of one ffmpeg."""

    outcome: Outcome
    complaints: list[str]
    stored: bool  # anything
    lasted_s: float

    def complained(self, words: str) -> bool:
        return any(words in line for line in self.complaints)

    @property
    def has_failed(self) -> bool:
        """After it had worked."""
        return self.outcome is Outcome.ENDED and self.stored and not self.complained(NO_SUCH_STREAM)

    @property
    def may_be_repeated(self) -> bool:
        """Once."""
        return self.outcome is Outcome.OVERTAKEN or (self.outcome is Outcome.ENDED and not self.stored)


@dataclass(frozen=True, slots=True)
class Job:
    opening: Opening
    rendition: str
    epoch: int
    url: str  # RTMP
    profile: Profile | None
    binary: str
    preset: str
    now_ms: Callable[[], int]  # by the clock that all encoders share
    session: int = 1  # of the publisher: counted
    is_early: bool = True  # no picture has come from it yet
    is_fixed: bool = False  # the ladder: players have read it, so that it stays whatever is published

    @property
    def broadcast_id(self) -> str:
        return self.opening.broadcast_id

    def argv(self, way: Way) -> list[str]:
        if self.rendition == SOURCE:
            return ffmpeg.source(self.binary, self.url, way.fresh)
        if self.rendition == AUDIO:
            return ffmpeg.audio(self.binary, self.url, way.encode_audio)
        return ffmpeg.transcode(self.binary, self.url, way.fresh, BY_NAME[self.rendition], self.profile, self.preset)


async def run(
    job: Job, redis: Redis, first_part: Callable[[], Awaitable[None]], prove: Callable[[], Awaitable[Opening]] | None = None
) -> Outcome:
    """Encode until the stream ends, the lease is lost in Redis, or the rendition makes no sense. Cancel it to stop.

    Where Redis was emptied, the job goes on if it can `prove` its lease, and learns what is expected by now.
    """
    writer = Writer(redis, job.broadcast_id, job.rendition, job.epoch)
    try:
        is_offered = await writer.begin(job.opening)
        async with clock.follow(redis, job.broadcast_id, job.now_ms, watermarks=job.rendition == AUDIO) as view:
            if prove:
                writer.bring_back = partial(_bring_back, job, writer, view, prove)
            pack = packager(job, writer, view)
            pack.first = None if is_offered else 0
            return await _children(job, writer, pack, first_part)
    except Fenced:
        return Outcome.FENCED
    except Forgotten:
        return Outcome.FORGOTTEN
    except RedisError as error:
        log.warning("%s of %s: segments Redis: %s", job.rendition, job.broadcast_id, type(error).__name__)
        await until_writable(redis)  # until then a successor could do no better
        return Outcome.FORGOTTEN


async def _bring_back(job: Job, writer: Writer, view: clock.ClockView, prove: Callable[[], Awaitable[Opening]]) -> None:
    opening = await prove()
    log.warning("%s of %s: Redis was emptied: it is refilled", writer.rendition, writer.broadcast_id)
    await writer.refill(opening, view.clock, job.now_ms())


def packager(job: Job, writer: Writer, view: clock.ClockView) -> Packager:
    part_ms = job.opening.part_ms
    if job.rendition == AUDIO:
        return AudioPackager(writer, part_ms, view, lambda rate, channels: silence(job.binary, rate, channels))
    kind = SourcePackager if job.rendition == SOURCE else VideoPackager
    return kind(writer, part_ms, view, job.profile, job.is_fixed)


async def silence(binary: str, rate: int, channels: int) -> Silence:
    async with child(ffmpeg.silence(binary, rate, channels)) as running:
        init, *frames = fmp4.Reader().feed(await running.output.read_all())
    assert isinstance(init, fmp4.Init) and isinstance(frames[-2], fmp4.Frame)
    return Silence(init, frames[-2])  # the last one is cut off


async def _children(job: Job, writer: Writer, pack: Packager, first_part: Callable[[], Awaitable[None]]) -> Outcome:
    """One ffmpeg after the other, for as long as the next one may do what the last one could not."""
    way, first = Way(fresh=job.is_early or not await writer.sounds()), True
    ends: deque[float] = deque(maxlen=MANY)
    while True:
        try:
            attempt = await _attempt(job, way, pack, first_part)
            if attempt.has_failed and _are_many(ends, time.monotonic()):
                return Outcome.CRASHING
            again = await _goes_on(job, pack, way, attempt) or (first and attempt.may_be_repeated)
        except Withdraw as reason:
            log.info("%s of %s: %s", job.rendition, job.broadcast_id, reason)
            await writer.report(None, job.now_ms())
            return Outcome.WITHDRAWN
        if not again:
            break
        way, first = Way(not await writer.sounds(), way.encode_audio or attempt.complained(CANNOT_COPY)), False
    if attempt.complaints:
        log.info("%s of %s: %s: %s", job.rendition, job.broadcast_id, attempt.outcome.value, attempt.complaints[-1])
    return attempt.outcome


def _are_many(ends: deque[float], now: float) -> bool:
    """With the one that is noted here."""
    ends.append(now)
    return len(ends) == MANY and now - ends[0] <= MANY_S


async def _attempt(job: Job, way: Way, pack: Packager, first_part: Callable[[], Awaitable[None]]) -> Attempt:
    began, stored = time.monotonic(), pack.stored
    pack.expect()
    async with child(job.argv(way)) as running:
        try:
            outcome = await _read(running, pack, first_part)
        except fmp4.Unsupported as error:
            running.complaints.append(f"{CANNOT_COPY}: {error.name}")
            outcome = Outcome.ENDED
        except Again as reason:
            log.info("%s of %s: %s", job.rendition, job.broadcast_id, reason)
            outcome = Outcome.OVERTAKEN
    await pack.end()
    return Attempt(outcome, list(running.complaints), pack.stored > stored, time.monotonic() - began)


async def _goes_on(job: Job, pack: Packager, way: Way, attempt: Attempt) -> bool:
    """Whether to start another at once; if not, that is for the reconciler to say. Raises Withdraw."""
    if attempt.outcome in (Outcome.SILENT, Outcome.OVERTAKEN):
        return attempt.outcome is Outcome.OVERTAKEN and attempt.lasted_s >= OVERTAKEN_S
    if attempt.complained(CANNOT_COPY):
        if job.rendition != AUDIO:
            await pack.writer.measured({"unsupported": True})
            raise Withdraw("the source cannot be copied")
        return not way.encode_audio
    if attempt.complained(NO_SUCH_STREAM):
        if job.rendition == AUDIO:
            await pack.clock.moves()
            return True  # it may still come
        if not way.fresh:
            raise Withdraw("there is no such track")
    return attempt.stored and attempt.lasted_s >= STEADY_S


async def _read(running: Child, pack: Packager, first_part: Callable[[], Awaitable[None]]) -> Outcome:
    reader = fmp4.Reader()
    while True:
        try:
            chunk = await running.output.read(pack.patience_s)
        except TimeoutError:
            if not await pack.idle():
                return Outcome.SILENT
            continue
        if not chunk:
            return Outcome.ENDED
        for item in reader.feed(chunk):
            if isinstance(item, fmp4.Init):
                await pack.begin(item)
                continue
            if len(running.configurations) > 1:
                await pack.writer.reshape(pack.now_ms())
                raise Again("the picture has another size")
            before = pack.stored
            await pack.push(item)
            if not before and pack.stored:
                await first_part()
        if pause_ms := pack.pause_ms():
            await running.output.pause(pause_ms / 1000, chunk)
