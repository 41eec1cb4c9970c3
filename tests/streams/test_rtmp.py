"""The statistics were recorded from nginx-rtmp: one publisher with two readers, and a reader of what is not there yet."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from streams import rtmp
from streams.rtmp import Server, Stream, Unreachable, parse

RECORDED = (Path(__file__).parent / "recorded/rtmp-stat.xml").read_bytes()
LIVE = "9f2c61d0b1a94e57c3d8aa10"
AWAITED = "00000000000000000000aaaa"

Reply = Callable[[str], Awaitable[bytes]]


@asynccontextmanager
async def control(settings: Settings, reply: Reply) -> AsyncIterator[list[str]]:
    """A control page that answers as it is told; yields what was asked."""
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split()[1])
        writer.write(await reply(asked[-1]))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        settings.RTMP_CONTROL_URL = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield asked


def says(status: str, body: bytes = b"") -> Reply:
    async def reply(_: str) -> bytes:
        return f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    return reply


async def streams() -> dict[str, Stream]:
    async with httpx.AsyncClient() as client:
        return await rtmp.streams(client)


async def server() -> Server:
    async with httpx.AsyncClient() as client:
        return await rtmp.server(client)


async def drop(name: str) -> None:
    async with httpx.AsyncClient() as client:
        await rtmp.drop_publisher(client, name)


async def test_all_who_look_at_once_look_together(settings: Settings) -> None:
    async with control(settings, says("200 OK", RECORDED)) as asked:
        looking = [asyncio.create_task(rtmp.sight.streams()) for _ in range(50)]
        await asyncio.sleep(0)
        looking[0].cancel()  # whoever began it may leave
        assert {frozenset(await each) for each in looking[1:]} == {frozenset({LIVE, AWAITED})}
        assert len(asked) == 1
        await rtmp.sight.streams()
        assert len(asked) == 2


async def test_who_looks_together_is_told_together_that_nobody_answers(settings: Settings) -> None:
    async with control(settings, says("500 Sorry")):
        found = await asyncio.gather(*(rtmp.sight.streams() for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [Unreachable] * 3


def test_it_tells_who_publishes_and_how_many_read() -> None:
    assert parse(RECORDED) == {
        AWAITED: Stream(publisher=None, readers=1),
        LIVE: Stream(publisher="8", readers=2, video="H264", audio="AAC", bytes_in=435_685),
    }


async def test_it_tells_what_it_has_counted(settings: Settings) -> None:
    async with control(settings, says("200 OK", RECORDED)):
        found = await server()
    assert found == Server(uptime_s=1072, accepted=4, bytes_in=438_709, bytes_out=876_527, publishers=1, readers=3)


async def test_a_server_that_answers_bit_by_bit_holds_nobody_up(settings: Settings) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)

    async with await asyncio.start_server(drip, "127.0.0.1") as listening:
        settings.RTMP_CONTROL_URL = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(Unreachable):
            await server()
        assert time.monotonic() - began < rtmp.TIMEOUT_S + 0.5


def test_a_server_without_streams_has_none() -> None:
    empty = RECORDED[: RECORDED.index(b"<stream>")] + RECORDED[RECORDED.rindex(b"</stream>") + len(b"</stream>") :]
    assert parse(empty) == {}


def test_other_applications_do_not_count() -> None:
    assert parse(RECORDED.replace(b"<name>live</name>", b"<name>other</name>")) == {}


@pytest.mark.parametrize(
    ("meta", "video", "audio"),
    [
        ("<video><width>0</width></video><audio><codec>MP3</codec></audio>", "", "MP3"),
        ("<video><width>320</width><codec>Sorenson-H263</codec></video><audio></audio>", "Sorenson-H263", ""),
    ],
)
def test_it_names_what_arrives(meta: str, video: str, audio: str) -> None:
    before, rest = RECORDED.split(b"<meta>")
    stream = parse(before + b"<meta>" + meta.encode() + b"</meta>" + rest.split(b"</meta>")[1])[LIVE]
    assert (stream.video, stream.audio) == (video, audio)


async def test_it_asks_the_control_page(settings: Settings) -> None:
    async with control(settings, says("200 OK", RECORDED)) as asked:
        assert set(await streams()) == {LIVE, AWAITED}
        await drop(LIVE)
    assert asked == ["/stat", f"/control/drop/publisher?app=live&name={LIVE}"]


@pytest.mark.parametrize("reply", [says("500 Oh"), says("404 Not Found")])
async def test_a_server_that_refuses_is_unreachable(settings: Settings, reply: Reply) -> None:
    async with control(settings, reply):
        with pytest.raises(Unreachable):
            await streams()
        with pytest.raises(Unreachable):
            await drop(LIVE)


async def test_statistics_that_are_no_xml_are_none(settings: Settings) -> None:
    async with control(settings, says("200 OK", b"<rtmp><server>")):
        with pytest.raises(Unreachable):
            await streams()


async def test_a_server_that_does_not_answer_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtmp, "TIMEOUT_S", 0.1)
    hanging = asyncio.Event()

    async def reply(_: str) -> bytes:
        await hanging.wait()
        return b""

    async with control(settings, reply):
        with pytest.raises(Unreachable):
            await streams()
        hanging.set()


async def test_a_server_that_is_down_is_unreachable(settings: Settings) -> None:
    async with control(settings, says("200 OK")):
        pass
    with pytest.raises(Unreachable):
        await streams()
