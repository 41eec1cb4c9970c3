"""What a child writes, read through a real pipe."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import child
from streams.child import Output


@pytest.fixture
def pipe() -> Iterator[tuple[Output, int]]:
    read_end, write_end = os.pipe()
    output = Output(read_end)
    yield output, write_end
    output.close()


async def test_what_is_there_is_read_at_once(pipe: tuple[Output, int]) -> None:
    output, write_end = pipe
    os.write(write_end, b"one")
    os.write(write_end, b"two")
    assert await output.read(0.01) == b"onetwo"
    os.close(write_end)
    assert await output.read(0.01) == b""


async def test_where_memory_is_short_it_goes_rather_than_its_worker() -> None:
    async with child.child(["sleep", "5"]) as running:
        score = Path(f"/proc/{running.process.pid}/oom_score_adj").read_text()
    assert int(score) > int(Path("/proc/self/oom_score_adj").read_text())


async def test_it_waits_for_what_comes(pipe: tuple[Output, int]) -> None:
    output, write_end = pipe
    for word in (b"one", b"two"):
        reading = asyncio.create_task(output.read(5))
        await asyncio.sleep(0)
        os.write(write_end, word)
        assert await reading == word
    os.close(write_end)


async def test_it_waits_only_so_long_and_can_be_asked_again(pipe: tuple[Output, int]) -> None:
    output, write_end = pipe
    with pytest.raises(TimeoutError):
        await output.read(0.01)
    os.write(write_end, b"late")
    assert await output.read(0.01) == b"late"
    os.close(write_end)


async def test_a_reader_that_is_cancelled_leaves_nothing_behind(pipe: tuple[Output, int]) -> None:
    output, write_end = pipe
    reading = asyncio.create_task(output.read(None))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not asyncio.get_running_loop().remove_reader(output.descriptor)
    os.close(write_end)


async def test_there_is_no_pause_while_there_is_more_to_read() -> None:
    async with child.child(["head", "-c", "400000", "/dev/zero"]) as running:
        await running.process.wait()
        began = time.monotonic()
        while chunk := await running.output.read(1):
            await running.output.pause(5 if len(chunk) == child.CHUNK else 0, chunk)
        assert time.monotonic() - began < 1


async def test_there_is_no_pause_while_the_pipe_might_fill_up(pipe: tuple[Output, int]) -> None:
    output, write_end = pipe
    os.close(write_end)
    began = time.monotonic()
    await output.pause(5, last=b"x" * (1 << 15))  # of the usual 64 kB
    assert time.monotonic() - began < 1
    await output.pause(0.05, last=b"x" * (1 << 10))
    assert time.monotonic() - began >= 0.05


async def test_a_child_may_write_a_second_of_the_best_quality_ahead() -> None:
    async with child.child(["head", "-c", "1000000", "/dev/zero"]) as running:
        assert await running.process.wait() == 0
        assert len(await running.output.read_all()) == 1_000_000


async def test_a_program_that_is_not_there_leaves_no_pipe_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        async with child.child(["ffmpeg"]):
            pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_user_with_too_many_wide_pipes_gets_narrow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.fcntl

    def refuse(descriptor: int, command: int, value: int = 0) -> int:
        if command == fcntl.F_SETPIPE_SZ:
            raise PermissionError
        return real(descriptor, command, value)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    async with child.child(["echo", "hello"]) as running:
        assert await running.output.read_all() == b"hello\n"


async def test_ffmpeg_sees_none_of_our_secrets() -> None:
    async with child.child(["env"]) as running:
        output = (await running.output.read_all()).decode()
    assert {line.split("=")[0] for line in output.split()} <= {"PATH", "AV_LOG_FORCE_NOCOLOR"}
