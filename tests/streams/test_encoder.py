"""A shell script stands in ffmpeg's place and writes what the real ffmpeg wrote; everything else is real."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from shlex import quote

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from streams import cache_client, encoder, ffmpeg, packager, segment_cache
from streams.cache_writer import Fenced, Writer
from streams.clock import ClockView
from streams.encoder import Job, Outcome
from streams.hls.fmp4 import Malformed
from streams.hls.stamps import TURN_MS
from streams.hls.timeline import Part
from streams.ladder import Profile
from tests.streams.fake_ffmpeg import WAIT, Fake, fake
from tests.streams.rig import KNOWN, PART_MS, PICTURE, TONE, begun, broadcast_id, fragments, now_ms, opening, redis

__all__ = ["broadcast_id", "fake", "redis"]

SOON_S = 5.0
MPEG4 = "-f lavfi -i testsrc2=s=160x90:r=25:d=1 -c:v mpeg4"
MP3 = "-f lavfi -i sine=r=48000:d=1 -c:a libmp3lame"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packager, "SILENCE_S", 0.5)


def job(broadcast_id: str, binary: str, rendition: str = "source", epoch: int = 1, profile: Profile | None = KNOWN) -> Job:
    return Job(opening(broadcast_id), rendition, epoch, "rtmp://127.0.0.1/live/name", profile, binary, "veryfast", now_ms)


async def nothing() -> None:
    pass


async def run(job: Job, redis: Redis) -> Outcome:
    async with asyncio.timeout(SOON_S):
        return await encoder.run(job, redis, nothing)


async def parts(redis: Redis, broadcast_id: str, rendition: str = "source") -> list[Part]:
    return [r for r in await segment_cache.timeline(redis, broadcast_id, rendition) if isinstance(r, Part)]


async def absent(redis: Redis, broadcast_id: str) -> list[str]:
    master = await segment_cache.master(redis, broadcast_id)
    assert master
    return master.absent


async def until_stored(redis: Redis, broadcast_id: str, count: int = 1, rendition: str = "source") -> None:
    async with asyncio.timeout(SOON_S):
        while len(await parts(redis, broadcast_id, rendition)) < count:
            await asyncio.sleep(0.01)


# --- how a job ends -------------------------------------------------------------------------------------------------------


async def test_what_ffmpeg_wrote_is_stored_when_it_ends(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program(f"cat {fake.file(fragments(PICTURE))}")
    assert await run(job(broadcast_id, binary), redis) is Outcome.ENDED
    found = await parts(redis, broadcast_id)
    assert len({part.msn for part in found}) == 3 and sum(part.duration_ms for part in found) > 4600
    init = await segment_cache.init(redis, broadcast_id, "source", found[0].init)
    data = await segment_cache.parts(redis, broadcast_id, "source", [part.name for part in found])
    assert init and data and init[4:8] == b"ftyp" and data[4:8] == b"moof"


async def test_a_stream_that_falls_silent_ends_the_job_and_its_child(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program(f"cat {fake.file(fragments(PICTURE))}", WAIT)
    assert await run(job(broadcast_id, binary), redis) is Outcome.SILENT
    assert len(fake.started()) == 1 and fake.running() == []


async def test_a_publisher_may_take_its_time_before_the_first_frame(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program("sleep 0.8", f"cat {fake.file(fragments(PICTURE))}")
    assert await run(job(broadcast_id, binary), redis) is Outcome.ENDED
    assert await parts(redis, broadcast_id)


async def test_a_rung_above_the_source_withdraws(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program(f"cat {fake.file(fragments(PICTURE))}", WAIT)
    assert await run(job(broadcast_id, binary, "480p", profile=None), redis) is Outcome.WITHDRAWN
    assert await absent(redis, broadcast_id) == ["480p"] and fake.running() == []


async def test_a_job_whose_successor_has_begun_starts_no_ffmpeg(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    await begun(redis, broadcast_id, "source", epoch=2)
    assert await run(job(broadcast_id, fake.program(WAIT), epoch=1), redis) is Outcome.FENCED
    assert fake.started() == []


async def test_a_successor_stops_a_job_at_its_next_part(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    data = fragments(PICTURE)
    half = fake.file(data[: len(data) // 2]), fake.file(data[len(data) // 2 :])
    go = fake.folder / "go"
    binary = fake.program(f"cat {half[0]}", f"while [ ! -e {quote(str(go))} ]; do sleep 0.01; done", f"cat {half[1]}", WAIT)
    running = asyncio.create_task(run(job(broadcast_id, binary), redis))
    await until_stored(redis, broadcast_id, 4)
    await begun(redis, broadcast_id, "source", epoch=2)
    stored = len(await parts(redis, broadcast_id))
    go.touch()
    assert await running is Outcome.FENCED
    assert len(await parts(redis, broadcast_id)) == stored and fake.running() == []


async def test_the_end_of_the_broadcast_stops_a_job(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    await segment_cache.end_broadcast(redis, broadcast_id, ["source"])
    assert await run(job(broadcast_id, fake.program(WAIT)), redis) is Outcome.FENCED


def in_halves(fake: Fake) -> str:
    """The second when there is a file of that name beside the first."""
    data = fragments(PICTURE)
    half = fake.file(data[: len(data) // 2]), fake.file(data[len(data) // 2 :])
    return fake.program(f"cat {half[0]}", "sleep 0.2", f"cat {half[1]}", WAIT)


async def emptied(redis: Redis, broadcast_id: str) -> None:
    await redis.delete(*[key async for key in redis.scan_iter(match=f"hls:{{{broadcast_id}}}:*", count=1000)])


async def test_who_holds_its_lease_refills_a_redis_that_was_emptied(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    async def prove() -> segment_cache.Opening:
        return opening(broadcast_id, ["source"])

    running = asyncio.create_task(encoder.run(job(broadcast_id, in_halves(fake)), redis, nothing, prove))
    await until_stored(redis, broadcast_id)
    before = await parts(redis, broadcast_id)
    await emptied(redis, broadcast_id)
    async with asyncio.timeout(SOON_S):
        assert await running is Outcome.SILENT
    after = await parts(redis, broadcast_id)
    assert after[: len(before)] == before
    assert [part.number for part in after] == [*range(1, len(after) + 1)] and len(after) > len(before)
    assert all([await segment_cache.parts(redis, broadcast_id, "source", [part.name]) for part in after])
    assert await segment_cache.init(redis, broadcast_id, "source", after[-1].init)
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants and [variant.name for variant in master.variants] == ["source"]


async def test_who_has_lost_its_lease_leaves_an_emptied_redis_alone(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    async def prove() -> segment_cache.Opening:
        raise Fenced

    running = asyncio.create_task(encoder.run(job(broadcast_id, in_halves(fake)), redis, nothing, prove))
    await until_stored(redis, broadcast_id)
    await emptied(redis, broadcast_id)
    async with asyncio.timeout(SOON_S):
        assert await running is Outcome.FENCED
    assert await segment_cache.master(redis, broadcast_id) is None


async def test_where_no_lease_can_be_proven_an_emptied_redis_ends_a_job(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    running = asyncio.create_task(run(job(broadcast_id, in_halves(fake)), redis))
    await until_stored(redis, broadcast_id)
    await emptied(redis, broadcast_id)
    assert await running is Outcome.FORGOTTEN


async def test_a_redis_that_is_away_for_a_moment_ends_no_job(
    fake: Fake, redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prove() -> segment_cache.Opening:
        raise AssertionError("it was not emptied")

    running = asyncio.create_task(encoder.run(job(broadcast_id, in_halves(fake)), redis, nothing, prove))
    await until_stored(redis, broadcast_id)
    await redis.client_kill_filter(skipme=True, _type="normal")
    async with asyncio.timeout(SOON_S):
        assert await running is Outcome.SILENT
    numbers = [part.number for part in await parts(redis, broadcast_id)]
    assert numbers == [*range(1, len(numbers) + 1)]


async def test_a_job_whose_redis_was_away_for_long_ends_as_soon_as_it_takes_writes(
    fake: Fake, redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For its successor to begin at once: it has not failed."""
    monkeypatch.setattr(cache_client, "RETRY_S", 0.01)
    refusals = [RedisConnectionError("refused"), OutOfMemoryError("command not allowed")]

    async def store(*_: object) -> int:
        raise RedisConnectionError("reset by peer")

    async def write(*_: object, **__: object) -> bool:
        if refusals:
            raise refusals.pop()
        return True

    monkeypatch.setattr(Writer, "store", store)
    monkeypatch.setattr(redis, "set", write)
    binary = fake.program(f"cat {fake.file(fragments(PICTURE))}", WAIT)
    assert await run(job(broadcast_id, binary), redis) is Outcome.FORGOTTEN
    assert refusals == [] and fake.running() == []


async def test_noise_in_the_place_of_media_is_an_error(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    with pytest.raises(Malformed):
        await run(job(broadcast_id, fake.program("echo this is no video, and goes on for a while", WAIT)), redis)
    assert fake.running() == []


# --- what cannot be copied ------------------------------------------------------------------------------------------------


async def test_a_picture_that_is_not_h264_is_withdrawn_and_noted(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program(f"cat {fake.file(fragments(MPEG4))}", WAIT)
    assert await run(job(broadcast_id, binary), redis) is Outcome.WITHDRAWN
    assert await absent(redis, broadcast_id) == ["source"]
    assert (await segment_cache.measurements(redis, broadcast_id))["source"] == {"unsupported": True}


async def test_sound_that_cannot_be_copied_is_encoded(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    await boundaries(redis, broadcast_id)
    encoded = f"cat {fake.file(fragments(TONE))}"
    copied = f"cat {fake.file(fragments(MP3))}"
    binary = fake.program(f'case "$*" in *"-c:a aac"*) {encoded};; *) {copied};; esac')
    assert await run(job(broadcast_id, binary, "audio"), redis) is Outcome.ENDED
    assert len(fake.started()) == 2 and await parts(redis, broadcast_id, "audio")
    assert (await segment_cache.measurements(redis, broadcast_id))["audio"]["codec"] == "mp4a.40.2"


async def test_ffmpegs_own_refusal_to_copy_is_understood(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    await boundaries(redis, broadcast_id)
    words = "[mp4 @ 0x1] Could not find tag for codec speex in stream #0, codec not currently supported in container"
    copied = f"echo {quote(words)} >&2; exit 1"
    binary = fake.program(f'case "$*" in *"-c:a aac"*) cat {fake.file(fragments(TONE))};; *) {copied};; esac')
    assert await run(job(broadcast_id, binary, "audio"), redis) is Outcome.ENDED
    assert await parts(redis, broadcast_id, "audio")


async def test_an_ffmpeg_that_fails_is_not_started_again_and_again(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program("echo 'Connection refused' >&2", "exit 1")
    assert await run(job(broadcast_id, binary), redis) is Outcome.ENDED
    assert len(fake.started()) <= 2


async def boundaries(redis: Redis, broadcast_id: str) -> Writer:
    """Of a picture that has been there for four seconds."""
    writer = await begun(redis, broadcast_id, "source")
    for pts_ms in (0, 2000, 4000):
        await writer.boundary(0, pts_ms, now_ms() - 4000 + pts_ms)
    return writer


# --- sound that does not come ---------------------------------------------------------------------------------------------

QUIET = "-f lavfi -i anullsrc -t 0.5 -c:a aac"
NO_SUCH_STREAM = "echo \"Stream map '0:a:0' matches no streams.\" >&2; exit 1"


async def test_a_broadcast_without_sound_gets_silence_and_is_asked_again(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    writer = await boundaries(redis, broadcast_id)
    binary = fake.program(f'case "$*" in *anullsrc*) cat {fake.file(fragments(QUIET))};; *) {NO_SUCH_STREAM};; esac')
    running = asyncio.create_task(run(job(broadcast_id, binary, "audio"), redis))
    async with asyncio.timeout(SOON_S):
        while len(fake.started()) < 4 or not await parts(redis, broadcast_id, "audio"):
            await writer.watermark(0, 5000)
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert fake.running() == []
    found = await parts(redis, broadcast_id, "audio")
    assert sum(part.duration_ms for part in found) == pytest.approx(1000, abs=400)
    assert "audio" not in await segment_cache.measurements(redis, broadcast_id)


@pytest.mark.parametrize(("sounds", "analysis"), [(True, ffmpeg.LATE), (False, ffmpeg.FRESH)])
async def test_who_joins_a_broadcast_without_sound_does_not_wait_for_it(
    fake: Fake, redis: Redis, broadcast_id: str, sounds: bool, analysis: dict[str, int]
) -> None:
    if sounds:
        await (await begun(redis, broadcast_id, "audio")).measured({})
    words = fake.folder / "words"
    binary = fake.program(f'echo "$@" >> {quote(str(words))}', f"cat {fake.file(fragments(PICTURE))}")
    await run(replace(job(broadcast_id, binary, epoch=2), is_early=False), redis)
    assert f"-analyzeduration {analysis['analyzeduration']} " in words.read_text()


# --- one ffmpeg after the other -------------------------------------------------------------------------------------------


def second_time(fake: Fake, first: str, second: str) -> str:
    again = quote(str(fake.folder / "again"))
    return fake.program(f"if [ -e {again} ]; then {second}; else touch {again}; {first}; fi", WAIT)


@pytest.mark.parametrize("offset_s", [100, TURN_MS / 1000 - 60, TURN_MS / 1000])
async def test_a_leap_of_the_stamps_begins_an_era_with_the_same_ffmpeg(
    fake: Fake, redis: Redis, broadcast_id: str, offset_s: float
) -> None:
    after = fragments(f"{PICTURE} -output_ts_offset {offset_s}")
    after = after[after.index(b"moof") - 4 :]
    binary = fake.program(f"cat {fake.file(fragments(PICTURE))} {fake.file(after)}", WAIT)
    assert await run(job(broadcast_id, binary), redis) is Outcome.SILENT
    assert len(fake.started()) == 1
    found = await parts(redis, broadcast_id)
    numbered = dict.fromkeys((part.msn - found[0].msn, part.era, part.init) for part in found)
    assert list(numbered) == [(0, 0, 1), (1, 0, 1), (2, 0, 1), (3, 1, 1), (4, 1, 1), (5, 1, 1)]
    assert sum(part.duration_ms for part in found) == pytest.approx(10_000, abs=100)
    assert max(part.duration_ms for part in found) <= PART_MS


async def test_an_ffmpeg_that_ends_after_long_is_followed_by_another_at_once(
    fake: Fake, redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "STEADY_S", 0)
    later = fragments(f"{PICTURE} -output_ts_offset 6")
    binary = second_time(fake, f"cat {fake.file(fragments(PICTURE))}; exit 1", f"cat {fake.file(later)}")
    assert await run(job(broadcast_id, binary), redis) is Outcome.SILENT
    assert len(fake.started()) == 2
    found = await parts(redis, broadcast_id)
    assert {(part.era, part.init) for part in found} == {(0, 1)}  # the same stream, and players need not know
    assert {part.msn - found[0].msn for part in found} == set(range(6))
    assert sum(part.duration_ms for part in found) == pytest.approx(10_000, abs=100)


async def test_an_ffmpeg_that_ends_five_times_in_a_minute_is_not_followed_by_another(
    fake: Fake, redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "STEADY_S", 0)
    files = [fake.file(fragments(f"{PICTURE} -output_ts_offset {6 * turn}")) for turn in range(6)]
    turns = " ".join(f"{turn}) cat {file} ;;" for turn, file in enumerate(files, 1))
    binary = fake.program(f"case $(wc -l < {quote(str(fake.pids))}) in {turns} esac; exit 1")
    assert await run(job(broadcast_id, binary), redis) is Outcome.CRASHING
    assert len(fake.started()) == 5


async def test_a_picture_of_another_size_begins_an_era_with_a_new_ffmpeg(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    other = fragments(PICTURE.replace("160x90", "320x180") + " -output_ts_offset 6")
    seen = "echo '#extradata 0,    40, aaaaaaaa' >&2; echo '0, 0, 0, 33, 99, 1234, S=1,  40, aaaaaaaa' >&2"
    changed = "sleep 0.2; echo '0, 6000, 6000, 33, 99, 4321, S=1,  41, bbbbbbbb' >&2; sleep 0.1"
    first = f"{seen}; cat {fake.file(fragments(PICTURE))}; {changed}; cat {fake.file(other)}"
    binary = second_time(fake, first, f"cat {fake.file(other)}")
    assert await run(job(broadcast_id, binary), redis) is Outcome.SILENT
    assert len(fake.started()) == 2
    found = await parts(redis, broadcast_id)
    # the new size comes sooner than its stamps say, so that they begin an era of their own, too
    assert list(dict.fromkeys((part.era, part.init) for part in found)) == [(0, 1), (2, 2)]
    assert sum(part.duration_ms for part in found) == pytest.approx(10_000, abs=100)
    clock = await segment_cache.clock(redis, broadcast_id)
    assert clock and clock.shape == 1


async def test_a_picture_that_changes_again_at_once_is_left_to_the_reconciler(
    fake: Fake, redis: Redis, broadcast_id: str
) -> None:
    changed = "echo '0, 0, 0, 33, 99, 1234, S=1,  40, aaaaaaaa' >&2; echo '0, 60, 60, 33, 99, 4321, S=1,  41, bbbbbbbb' >&2"
    binary = fake.program(f"{changed}; sleep 0.2; cat {fake.file(fragments(PICTURE))}", WAIT)
    assert await run(job(broadcast_id, binary), redis) is Outcome.OVERTAKEN
    assert len(fake.started()) == 2 and fake.running() == []


async def test_a_transcode_begins_anew_when_the_picture_has_another_size(
    fake: Fake, redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = asyncio.Event()
    update = ClockView.update

    async def listen(view: ClockView, clock: segment_cache.Clock) -> None:
        await update(view, clock)
        if clock.shape:
            heard.set()

    monkeypatch.setattr(ClockView, "update", listen)
    monkeypatch.setattr(packager, "SILENCE_S", 2)  # a busy machine's test is slow to go on
    source = await begun(redis, broadcast_id, "source")
    go = quote(str(fake.folder / "go"))
    later = fragments(f"{PICTURE} -output_ts_offset 6")
    more = fake.file(later[later.index(b"moof") - 4 :])  # an ffmpeg writes one init section
    before = f"cat {fake.file(fragments(PICTURE))}; while [ ! -e {go} ]; do sleep 0.01; done; cat {more}"
    binary = second_time(fake, before, f"cat {fake.file(later)}")
    running = asyncio.create_task(run(job(broadcast_id, binary, "360p"), redis))
    await until_stored(redis, broadcast_id, 10, "360p")  # nearly all there is: what follows decides
    await source.reshape(now_ms())
    await heard.wait()
    Path(go.strip("'")).touch()
    assert await running is Outcome.SILENT
    assert len(fake.started()) == 2


async def test_the_first_part_is_told_once(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    seen = []

    async def first_part() -> None:
        seen.append(len(await parts(redis, broadcast_id)))

    binary = fake.program(f"cat {fake.file(fragments(PICTURE))}")
    await encoder.run(job(broadcast_id, binary), redis, first_part)
    assert seen == [1]


# --- the child dies -------------------------------------------------------------------------------------------------------


async def test_a_cancelled_job_leaves_no_child(fake: Fake, redis: Redis, broadcast_id: str) -> None:
    binary = fake.program(f"cat {fake.file(fragments(PICTURE))}", WAIT)
    running = asyncio.create_task(encoder.run(job(broadcast_id, binary), redis, nothing))
    await until_stored(redis, broadcast_id)
    assert len(fake.running()) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert fake.running() == []


async def test_a_child_dies_with_a_killed_worker(fake: Fake) -> None:
    binary = fake.program(WAIT)
    code = (
        "import asyncio\nfrom streams import encoder\n"
        "async def main():\n"
        f"    async with encoder.child([{binary!r}]) as child:\n"
        "        print('started', flush=True)\n        await child.process.wait()\n"
        "asyncio.run(main())"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ
        | {"PYTHONPATH": str(Path(encoder.__file__).parents[1]), "DJANGO_SETTINGS_MODULE": "livestream.settings"},
    )
    assert worker.stdout and await worker.stdout.readline() == b"started\n"
    async with asyncio.timeout(SOON_S):
        while not fake.running():
            await asyncio.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
        while fake.running():
            await asyncio.sleep(0.01)
