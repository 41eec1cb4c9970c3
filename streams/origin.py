"""Answers `/hls/…` and `/live/…` from Redis, ahead of Django: it needs neither PostgreSQL nor MongoDB."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from redis.exceptions import RedisError

from streams import audience, beacon, logged, metrics, segment_cache
from streams.addresses import PerAddress, PerMinute, TooMany
from streams.asgi import Message, Receive, Send, body
from streams.audience import NotCounted
from streams.beacon import BadBeacon
from streams.cache_client import segments
from streams.hls import playlist
from streams.hls.playlist import BadQuery, Constants, Directives, Want
from streams.watch import Timeout, Watch, Watches

log = logging.getLogger(__name__)

START_S = 10.0  # how long a first request waits for a broadcast that is starting
STATE_S = 10.0
HINTS_AHEAD = 2
# What waits keeps a place that others need, so one address has no more than a third of two cores'. The edge asks once for all
# who want the same: a broadcast that is watched needs a dozen, however many watch.
OPEN_PER_ADDRESS = 60
BEACONS_PER_ADDRESS = 600  # a minute: those of 150 players
TARGETS_BLOCKED = 3  # RFC 8216bis 6.2.5.2: 503 after three target durations
FOREVER = f"public, max-age={segment_cache.PART_TTL_S}, immutable"
FRESH = "max-age=0, no-cache"

HLS = re.compile(
    r"/hls/([a-z0-9]{16})/(?:master\.m3u8|([a-z0-9]{1,16})/(?:playlist\.m3u8|([ips])(\d{1,9})(?:-(\d{1,9}))?\.mp4))"
)
LIVE = re.compile(r"/live/([a-z0-9_]{3,30})(\.m3u8|/state|/viewers|/thumbnail\.jpg)")
BEACON = re.compile(r"/hls/([a-z0-9]{16})/beacon")
ABOUT = re.compile(r"/hls/(?P<broadcast>[a-z0-9]{16})/|/live/(?P<channel>[a-z0-9_]{3,30})[./]")
SHORTLY = "public, max-age=5"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    cache: str = "no-store, max-age=0"
    headers: dict[str, str] = field(default_factory=dict)


NOT_FOUND = Answer(404, b"There is no such stream, or it has ended.\n")
NOT_COUNTED = {
    "UNKNOWN": NOT_FOUND,
    "RENDITION": Answer(400, b"This broadcast has no such rendition.\n"),
    "FULL": Answer(429, b"So many watch from this address already that one more is not counted.\n"),
}
UNAVAILABLE = Answer(503, b"The stream is not ready. Try again.\n", headers={"retry-after": "1"})


class Origin:
    """An ASGI application."""

    def __init__(self) -> None:
        self._watches: Watches | None = None
        self._open = PerAddress(OPEN_PER_ADDRESS)
        self._beacons = PerMinute(BEACONS_PER_ADDRESS)

    @property
    def watches(self) -> Watches:
        if self._watches is None:
            self._watches = Watches(segments())
        return self._watches

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        address = scope["client"][0] if scope["client"] else ""
        try:
            with self._open.one_more(address):
                answer = await self._answer(address, scope, receive)
        except TooMany:
            metrics.turned_away.labels("address").inc()
            answer = UNAVAILABLE
        except (BadQuery, BadBeacon) as error:
            answer = Answer(400, f"{error}.\n".encode())
        except NotCounted as error:
            answer = NOT_COUNTED[str(error)]
        except Timeout:
            answer = UNAVAILABLE
        except RedisError as error:
            answer = replace(UNAVAILABLE, headers=UNAVAILABLE.headers | {"x-request-id": _name(scope["path"])})
            log.warning("segments Redis: %s", type(error).__name__)
        except Exception:  # the server logs it
            _name(scope["path"])
            raise
        await _send(answer, scope["method"], send)

    async def _answer(self, address: str, scope: Message, receive: Receive) -> Answer:
        if match := BEACON.fullmatch(scope["path"]):
            return await self._hear(match[1], address, scope, receive)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        return await self.answer(scope["method"], scope["path"], query)

    async def answer(self, method: str, path: str, query: dict[str, str]) -> Answer:
        if method not in ("GET", "HEAD"):
            return Answer(405, headers={"allow": "GET, HEAD"})
        if match := HLS.fullmatch(path):
            broadcast_id, rendition, kind, *numbers = match.groups()
            watch = await self.watches.get(broadcast_id)
            if watch is None:
                return NOT_FOUND
            if rendition is None:
                return await _master(watch)
            if kind is None:
                return await _media(watch, rendition, playlist.parse_query(query))
            return await self._file(watch, rendition, kind, [int(n) for n in numbers if n is not None])
        if match := LIVE.fullmatch(path):
            name, page = match.groups()
            return await (self._state(name, query.get("after", "")) if page == "/state" else self._about(name, page))
        return NOT_FOUND

    async def _file(self, watch: Watch, rendition: str, kind: str, numbers: list[int]) -> Answer:
        redis, broadcast_id = self.watches.redis, watch.broadcast_id
        data = None
        if kind == "i" and len(numbers) == 1:
            data = await segment_cache.init(redis, broadcast_id, rendition, numbers[0])
        elif kind == "p" and len(numbers) == 2:
            await _hinted(watch, rendition, *numbers)
            data = await segment_cache.parts(redis, broadcast_id, rendition, [f"{numbers[0]}-{numbers[1]}"])
        elif kind == "s" and len(numbers) == 1 and rendition in watch.timelines:
            segment = watch.timelines[rendition].segment(numbers[0])
            if segment and segment.complete:
                data = await segment_cache.parts(redis, broadcast_id, rendition, [part.name for part in segment.parts])
        if data is None:
            return NOT_FOUND
        return Answer(200, data, "audio/mp4" if rendition == "audio" else "video/mp4", FOREVER)

    async def _about(self, name: str, what: str) -> Answer:
        """Of what a channel broadcasts now."""
        redis = self.watches.redis
        page = await segment_cache.shown(redis, name)
        if page is None or page["state"] not in ("starting", "live", "reconnecting"):
            return NOT_FOUND
        if what == ".m3u8":
            return Answer(302, cache=FRESH, headers={"location": page["playlist"]})
        if what == "/viewers":
            counts = await audience.watching(redis, [page["id"]], _now_ms())
            return _viewers(counts[page["id"]], SHORTLY)
        jpeg = await segment_cache.thumbnail(redis, page["id"])
        return Answer(200, jpeg, "image/jpeg", SHORTLY) if jpeg else NOT_FOUND

    async def _hear(self, broadcast_id: str, address: str, scope: Message, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return Answer(405, headers={"allow": "POST"})
        if dict(scope["headers"]).get(b"sec-fetch-site", b"same-origin") != b"same-origin":
            return Answer(403, b"Players tell of themselves from this site's own pages.\n")
        if not self._beacons.take(address, time.monotonic()):
            return Answer(429, b"This address tells more than its players would.\n", headers={"retry-after": "15"})
        found = beacon.parse(await body(receive, beacon.LONGEST_BYTES))
        return _viewers(await audience.tell(self.watches.redis, broadcast_id, address, found, _now_ms()))

    async def _state(self, name: str, after: str) -> Answer:
        page = await self.watches.page(name, after, STATE_S)
        return Answer(200, json.dumps(page or {"n": 0, "state": "offline"}).encode(), "application/json", FRESH)


def _name(path: str) -> str:
    """Only where a line is logged: to name every request would be 2 µs of each."""
    request, match = secrets.token_hex(8), ABOUT.match(path)
    about = match.groupdict() if match else {}
    logged.note(request=request, **{name: value for name, value in about.items() if value})
    return request


def _viewers(count: int, cache: str = "no-store") -> Answer:
    return Answer(200, json.dumps({"viewers": count}).encode(), "application/json", cache)


def _now_ms() -> int:
    return int(time.time() * 1000)


async def _master(watch: Watch) -> Answer:
    await watch.until(lambda: watch.sealed or _over(watch), START_S)
    if watch.master is None or not watch.master.variants:
        return _missing(watch)
    return Answer(200, playlist.master(watch.master.variants).encode(), playlist.CONTENT_TYPE, "public, max-age=5")


def _over(watch: Watch) -> bool:
    return watch.master is None or watch.master.ended


def _missing(watch: Watch) -> Answer:
    """Of a broadcast that was there and is not: Redis was emptied, and its encoders begin anew."""
    return UNAVAILABLE if watch.master is None else NOT_FOUND


async def _media(watch: Watch, rendition: str, ask: Directives) -> Answer:
    await watch.until(lambda: watch.sealed or _over(watch), START_S)
    if not watch.lists(rendition):
        return _missing(watch)
    await watch.until(lambda: watch.playable(rendition) or _over(watch), START_S)
    constants = watch.master.constants if watch.master else None
    if constants is None or rendition not in watch.timelines or not watch.timelines[rendition].started:
        return _missing(watch)
    cache = FRESH
    if ask.want:
        await _blocked(watch, rendition, ask.want, constants)
        if not watch.lists(rendition):
            return _missing(watch)
        cache = f"public, max-age={6 * constants.target_s}"
    return Answer(200, watch.text(rendition, constants, ask.skip), playlist.CONTENT_TYPE, cache)


async def _blocked(watch: Watch, rendition: str, want: Want, constants: Constants) -> None:
    playlist.check_ahead(want, watch.timelines[rendition], constants)
    await watch.until(
        lambda: watch.timelines[rendition].holds(want.msn, want.part) or not watch.lists(rendition) or _over(watch),
        TARGETS_BLOCKED * constants.target_s,
    )


async def _hinted(watch: Watch, rendition: str, epoch: int, number: int) -> None:
    """The part that the playlist hints at is held until it exists (RFC 8216bis 6.2.6).

    So is the one after it: another process may have heard of a part that this one will hear of in a moment.
    """
    timeline = watch.timelines.get(rendition)
    if timeline is None or timeline.epoch != epoch or not 1 <= number - timeline.number <= HINTS_AHEAD:
        return
    seconds = TARGETS_BLOCKED * (watch.master.target_s if watch.master and watch.master.target_s else 1)
    await watch.until(lambda: watch.timelines[rendition].number >= number or _over(watch), seconds)


async def _send(answer: Answer, method: str, send: Send) -> None:
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        "cache-control": answer.cache,
        "access-control-allow-origin": "*",
        **answer.headers,
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
