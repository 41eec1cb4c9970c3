"""An ffmpeg process: what it writes, what it says, and its end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

CHUNK = 1 << 18
SPARE = "1000"  # where memory is short, one of these goes rather than the worker that starts another
PIPE = 1 << 20  # what it may write ahead while nobody reads
# ffmpeg's words
CONFIGURATION = re.compile(r"#extradata 0, *(.+)|\d+, .* S=\d+, *(.+)")  # size and hash
HASH = re.compile(r"#|\d+, ")  # other lines of that kind


class Output:
    """What a process writes. To wake up for a frame costs more than the frame does, so that whoever can wait should."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._roomy = min(fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) // 4, CHUNK // 2)

    async def read(self, patience_s: float | None) -> bytes:
        """What has been written by now, or comes next; nothing at the end. Raises TimeoutError."""
        while True:
            try:
                return os.read(self.descriptor, CHUNK)
            except BlockingIOError:
                async with asyncio.timeout(patience_s):
                    await self._readable()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(self.descriptor, _settle, readable)
        try:
            await readable
        finally:
            loop.remove_reader(self.descriptor)

    async def read_all(self) -> bytes:
        chunks = []
        while chunk := await self.read(None):
            chunks.append(chunk)
        return b"".join(chunks)

    async def pause(self, seconds: float, last: bytes) -> None:
        """Let it write on for so long, if what was read last says that it has caught up, and the pipe has room for that."""
        if len(last) <= self._roomy:
            await asyncio.sleep(seconds)

    def close(self) -> None:
        os.close(self.descriptor)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():  # until the reader is removed, the pipe goes on being readable
        future.set_result(None)


class Child:
    """A process: the last lines that it complained in, and the decoder configurations that it came across."""

    def __init__(self, process: asyncio.subprocess.Process, output: Output) -> None:
        assert process.stderr
        self.process = process
        self.output = output
        self.complaints: deque[str] = deque(maxlen=20)
        self.configurations: set[str] = set()
        self._listening = asyncio.create_task(self._listen(process.stderr))

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            text = line.decode(errors="replace").strip()
            if found := CONFIGURATION.match(text):
                self.configurations.add(found[1] or found[2])
            elif text and not HASH.match(text):
                self.complaints.append(text)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self._listening


@asynccontextmanager
async def child(argv: list[str]) -> AsyncIterator[Child]:
    """It dies with this process, and with this block."""
    read_end, write_end = os.pipe()
    with suppress(OSError):  # this user has many wide ones already, say; with less room there are fewer pauses
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE)
    output = Output(read_end)
    try:
        running = Child(await _start(argv, write_end), output)
        try:
            yield running
        finally:
            await running.stop()
    finally:
        output.close()


async def _start(argv: list[str], stdout: int) -> asyncio.subprocess.Process:
    """Takes `stdout` over."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", *argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath), "AV_LOG_FORCE_NOCOLOR": "1"},
        )
    finally:
        os.close(stdout)
    with suppress(OSError):  # it may have ended
        Path(f"/proc/{process.pid}/oom_score_adj").write_text(SPARE)
    return process
