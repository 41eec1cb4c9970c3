"""The RTMP server's statistics and control pages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from xml.etree import ElementTree

import httpx
from django.conf import settings

APP = "live"
TIMEOUT_S = 1.0


def client() -> httpx.AsyncClient:
    """Without TLS, whose certificates would take 50 ms to load: the server is asked on the machine's own network."""
    return httpx.AsyncClient(verify=False)


class Unreachable(Exception):
    """The RTMP server does not answer."""


@dataclass(frozen=True, slots=True)
class Stream:
    publisher: str | None  # its client id
    readers: int
    # as the server reads them from the media's headers; "" for what does not arrive, or what it does not know
    video: str = ""
    audio: str = ""
    bytes_in: int = 0  # since the publisher came


@dataclass(frozen=True, slots=True)
class Server:
    """What the RTMP server has counted since it was started, and who is there now."""

    uptime_s: int
    accepted: int  # connections
    bytes_in: int
    bytes_out: int
    publishers: int
    readers: int


async def streams(client: httpx.AsyncClient) -> dict[str, Stream]:
    """What is published or waited for, by ingest name. Raises Unreachable."""
    return _streams(await _statistics(client))


async def server(client: httpx.AsyncClient) -> Server:
    """Within TIMEOUT_S, however slowly it answers. Raises Unreachable."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return _server(await _statistics(client))
    except TimeoutError as error:
        raise Unreachable("no statistics from the RTMP server: it is too slow") from error


async def _statistics(client: httpx.AsyncClient) -> ElementTree.Element:
    """Raises Unreachable."""
    try:
        answer = await client.get(f"{settings.RTMP_CONTROL_URL}/stat", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return ElementTree.fromstring(answer.content)
    except (httpx.HTTPError, ElementTree.ParseError) as error:
        raise Unreachable(f"no statistics from the RTMP server: {type(error).__name__}") from error


class Sight:
    """One look at a time for all of a process who wait for what it shows: the more there are, the longer each would take."""

    looking: asyncio.Task[dict[str, Stream]] | None = None

    async def streams(self) -> dict[str, Stream]:
        """Raises Unreachable."""
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self._look())
        return await asyncio.shield(self.looking)

    async def _look(self) -> dict[str, Stream]:
        async with client() as own:
            return await streams(own)


sight = Sight()


def parse(xml: bytes) -> dict[str, Stream]:
    return _streams(ElementTree.fromstring(xml))


def _streams(root: ElementTree.Element) -> dict[str, Stream]:
    return {
        stream.findtext("name", ""): _stream(stream)
        for application in root.iter("application")
        if application.findtext("name") == APP
        for stream in application.iter("stream")
    }


def _stream(stream: ElementTree.Element) -> Stream:
    clients = stream.findall("client")
    publisher = next((c.findtext("id") for c in clients if c.find("publishing") is not None), None)
    return Stream(
        publisher=publisher,
        readers=sum(c.find("publishing") is None for c in clients),
        video=stream.findtext("meta/video/codec", ""),
        audio=stream.findtext("meta/audio/codec", ""),
        bytes_in=int(stream.findtext("bytes_in", "0")),
    )


def _server(root: ElementTree.Element) -> Server:
    found = _streams(root).values()
    uptime_s, accepted, bytes_in, bytes_out = (
        int(root.findtext(name, "0")) for name in ("uptime", "naccepted", "bytes_in", "bytes_out")
    )
    publishers = sum(stream.publisher is not None for stream in found)
    return Server(uptime_s, accepted, bytes_in, bytes_out, publishers, sum(stream.readers for stream in found))


async def drop_publisher(client: httpx.AsyncClient, ingest_name: str) -> None:
    """Raises Unreachable."""
    try:
        answer = await client.get(
            f"{settings.RTMP_CONTROL_URL}/control/drop/publisher",
            params={"app": APP, "name": ingest_name},
            timeout=TIMEOUT_S,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(f"the RTMP server did not drop the publisher: {type(error).__name__}") from error
