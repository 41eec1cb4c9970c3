"""Two publishers of one key, queries and names that nobody sends by accident, guessed keys, and a crowd that asks at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import redis

from benchmarks.processes import Programs
from tests.e2e.conftest import cast
from tests.e2e.playlists import Stream
from tests.e2e.processes import asked_of_the_origin, below, commands, workers
from tests.e2e.raw_rtmp import RawPublisher
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.test_secrets import value_of
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.hooks import hook
from tests.faults.stack import encoders
from tests.faults.watched import RENDITION, SMALL, watched
from tests.live import Site

__all__ = ["cast"]

AT_ONCE_S = 8
BAD_QUERY_MS = 50
TARGETS_BLOCKED = 3
PER_ADDRESS = 60
CROWD, CROWD_MS = 2000, 500
AT_A_TIME = 100
MANY = 200
GUESSES = 10
STRANGER, ANOTHER = "203.0.113.9", "203.0.113.10"
REFUSAL_MS = 1
RATE, FLOOD_S, FLOOD_CORES = 200, 10, 0.5
ASKED = ("web", "postgres", "mongo", "redis-control")


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice", reconnect_s=30)


def worker(site: Site) -> int:
    return Programs(site).pids["encoder"]


def test_a_second_publisher_changes_nothing(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(18, "a second publisher with the same key")
    with watched(alice, client) as air:
        before, live = encoders(worker(alice.site)), alice.live
        with alice.publish(inputs=SMALL) as second:
            fault.at_most("the second is refused", second.end(AT_ONCE_S), AT_ONCE_S, "s")
            assert second.process.returncode != 0
        newest = air.probe.newest
        until(lambda: air.probe.newest[0] > newest[0], AT_ONCE_S)
        fault.at_most("encoders begun or ended", len(set(before) ^ set(encoders(worker(alice.site)))), 0)
        assert alice.live == live and air.publisher.runs and len(air.probe.eras) == 1
        assert air.probe.falls == [] and not air.probe.ended and not air.probe.refusals


# --- queries --------------------------------------------------------------------------------------------------------------


def waiting(site: Site) -> float:
    text = httpx.get(f"http://{site.env['ORIGIN_LISTEN']}/internal/metrics").raise_for_status().text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("livestream_requests_waiting"))


def test_queries_that_cannot_be_waited_for_are_refused_at_once(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(23, "`_HLS_` queries")
    with watched(alice, client) as air:
        ahead = air.probe.newest[0] + 3
        queries = [f"_HLS_msn={text}" for text in ("-1", str(2**63), "1e999", str(ahead + 1))] + ["_HLS_part=0"]
        took_ms = []
        for query in queries:
            began = time.monotonic()
            answer = air.stream.ask(RENDITION, query)
            took_ms.append((time.monotonic() - began) * 1000)
            assert answer.status_code == 400, (query, answer)
        fault.at_most("the slowest refusal of a bad one", max(took_ms), BAD_QUERY_MS, "ms")
        before = waiting(alice.site)
        assert air.stream.ask(RENDITION, "_HLS_part=0").status_code == 400
        fault.at_most("requests that wait after a bad one", waiting(alice.site) - before, 0)


@pytest.mark.long
def test_what_one_address_asks_does_not_wait_for_ever(alice: Streamer, client: httpx.Client) -> None:
    """Of the origin itself: the edge would ask once for all."""
    fault = Fault(23, "requests for what does not come")
    with watched(alice, client) as air, ThreadPoolExecutor(2 * PER_ADDRESS) as pool:
        air.publisher.process.kill()
        path = urlsplit(air.stream.renditions[RENDITION]).path
        until(lambda: alice.state()["state"] == "reconnecting", AT_ONCE_S)
        newest = air.stream.uncached(RENDITION).segments[-1].msn
        url = f"http://{alice.site.env['ORIGIN_LISTEN']}{path}?_HLS_msn={newest + 1}"

        def ask(_: int) -> float:
            began = time.monotonic()
            answer = client.get(url)
            assert answer.status_code == 503 and answer.headers["retry-after"], answer
            return time.monotonic() - began

        took_s = sorted(pool.map(ask, range(PER_ADDRESS + 10)))
        fault.at_most("the longest wait", took_s[-1], TARGETS_BLOCKED * air.target_s + 1, "s")
        fault.at_most("requests of one address that wait", sum(s > air.target_s for s in took_s), PER_ADDRESS)


# --- a crowd --------------------------------------------------------------------------------------------------------------


def test_a_crowd_that_asks_for_a_new_part_costs_one_look_at_it(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(20, f"{CROWD:,} requests for a new part at once")
    with alice.on_air(inputs=SMALL):
        stream = Stream(alice, client)
        stream.renditions["audio"] = stream.renditions[RENDITION].replace(f"/{RENDITION}/", "/audio/")
        media = stream.media("audio")

        def new_part() -> str:
            nonlocal media
            media = stream.after("audio", media)
            return media.parts[-1].url

        asked, took_ms, sent_ms = asyncio.run(crowd(alice.site, new_part))
    print(f"sent within {sent_ms:.0f} ms")
    fault.at_most("requests that reached the origin", asked, 1)
    fault.at_most("p99 of the answers", took_ms[int(0.99 * len(took_ms))], CROWD_MS, "ms")


async def crowd(site: Site, new_part: Callable[[], str]) -> tuple[int, list[float], float]:
    """How many requests the origin had; how long each answer took, the shortest first; how long the asking took."""
    host, port = str(urlsplit(site.url).hostname), int(urlsplit(site.url).port or 80)
    sockets = []
    for _ in range(0, CROWD, AT_A_TIME):
        sockets += await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(AT_A_TIME)))
    path = urlsplit(new_part()).path
    before, began = asked_of_the_origin(site), time.monotonic()
    for _, writer in sockets:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    sent_ms = (time.monotonic() - began) * 1000

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        head = await reader.readline()
        took_ms = (time.monotonic() - began) * 1000
        assert b" 200 " in head, head
        await reader.read()
        writer.close()
        return took_ms

    took_ms = sorted(await asyncio.gather(*(answered(*each) for each in sockets)))
    return asked_of_the_origin(site) - before, took_ms, sent_ms


# --- names ----------------------------------------------------------------------------------------------------------------


def names(key: str, canary: Path) -> Iterator[str]:
    """None of them is a key, and some hold one. (The RTMP server reads up to a NUL: with one after it a key is that key.)"""
    yield from ("../../etc/passwd", "%2e%2e%2f", "-i", f"?{key}", f"x?{key}", "a" * 256, "a" * 5000, "", " ", "\0", "é")
    yield from (f"{key}/../{key}", f"x\0{key}", f"{key}\n", f"-{key}", f"{key}%00", f"../{key}")
    yield from (f";touch {canary}", f"$(touch {canary})", f"`touch {canary}`", f"x\ntouch {canary}\n", f"x|touch {canary}")


def test_names_that_are_no_keys_are_refused(alice: Streamer, tmp_path: Path, client: httpx.Client) -> None:
    fault = Fault(26, "names with `../`, `%2e`, NUL, newlines, `;`, `$()`, `?`, 5,000 letters")
    canary, let_in = tmp_path / "canary", []
    for name in names(alice.key, canary):
        try:
            with RawPublisher(alice.site.rtmp_url, name):
                let_in.append(name)
        except ConnectionError:
            continue
    print(let_in)
    fault.at_most("names let in", len(let_in), 0)
    fault.at_most("files made by a name", canary.exists(), 0)
    assert alice.live is None


@pytest.mark.parametrize(
    "path", ["/live/%2e%2e%2f.m3u8", "/hls/..%2f..%2fenv/x/i1.mp4", "/media/%2e%2e/env", "/@a%00b/", "/@-x;/"]
)
def test_paths_that_are_no_names_lead_nowhere(alice: Streamer, client: httpx.Client, path: str) -> None:
    answer = client.get(f"{alice.site.url}{path}")
    Fault(26, "paths with `../`, `%2e`, NUL, `;`").at_most("served", int(answer.status_code not in (400, 404)), 0)
    assert alice.site.env["SECRET_KEY"] not in answer.text


# --- keys -----------------------------------------------------------------------------------------------------------------


def test_a_key_is_nowhere_while_it_is_used(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(27, "a key that is published with")
    secret, hits = alice.key.encode(), []
    with watched(alice, client):
        pids = [*commands(alice.site)]
        assert any(pid in below(worker(alice.site)) for pid in pids)
        for pid in pids:
            hits += [file for file in (f"/proc/{pid}/cmdline", f"/proc/{pid}/environ") if secret in content(Path(file))]
        hits += [str(file) for file in alice.site.folder.glob("log/*") if secret in content(file)]
        for name in ("SEGMENTS", "CONTROL"):
            with redis.Redis.from_url(alice.site.env[f"{name}_REDIS_URL"]) as store:
                keys = list(store.scan_iter(count=1000))
                hits += [key for key in keys if alice.key in f"{key!r} {value_of(store, key)!r}"]
    print(hits)
    fault.at_most("places where it is found: command lines, environments, logs, Redis", len(hits), 0)


def content(file: Path) -> bytes:
    """Empty, once the process has ended."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def guess(number: int, call: str = "publish", addr: str = STRANGER) -> dict[str, str]:
    """As the RTMP server asks: to it, all on this machine are this machine itself, which is not counted."""
    return {"app": "live", "addr": addr, "clientid": str(10**9 + number), "call": call, "name": f"guess_{number}"}


def test_who_guesses_keys_is_heard_ten_times(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(30, "guessed keys, as fast as they are answered")
    url, programs = hook(alice.site), Programs(alice.site)

    def answer(number: int) -> str:
        return str(json.loads(client.post(url, data=guess(number)).content)["reason"])

    heard = [answer(number) for number in range(2 * GUESSES)].count("unknown_key")
    fault.at_most("of them looked up", heard, GUESSES)
    before = programs.cost("web")
    assert {answer(number) for number in range(MANY)} == {"blocked"}
    spent_ms = (programs.cost("web") - before).cpu_s * 1000
    fault.at_most("processor time to refuse one", spent_ms / MANY, REFUSAL_MS, "ms")


@pytest.mark.long
def test_a_flood_of_guesses_costs_next_to_nothing(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(30, f"{RATE} guessed keys a second for {FLOOD_S} s")
    programs = Programs(alice.site)
    with watched(alice, client) as air:
        before = [programs.cost(name) for name in ASKED]
        took_s, heard = asyncio.run(flood(hook(alice.site)))
        spent_s = sum((programs.cost(name) - cost).cpu_s for name, cost in zip(ASKED, before, strict=True))
        fault.at_most("of them looked up", heard, GUESSES + len(workers(alice.site, "web")) - 1)
        fault.at_most("cores busy by it", spent_s / took_s, FLOOD_CORES)
        fault.at_most("the picture stood still", air.probe.longest_s, air.target_s, "s")
        assert len(air.probe.eras) == 1 and not air.probe.gaps and not air.probe.refusals


async def flood(url: str) -> tuple[float, int]:
    """How long it took, and how many guesses were looked up. The server tells of each end, too."""
    began, asking = time.monotonic(), set()
    for number in range(RATE * FLOOD_S):
        await asyncio.sleep(began + number / RATE - time.monotonic())
        asking.add(asyncio.create_task(guessed(url, MANY + number)))
    reasons = await asyncio.gather(*asking)
    took_s = time.monotonic() - began
    assert {*reasons} <= {b"unknown_key", b"blocked"}
    return took_s, reasons.count(b"unknown_key")


async def guessed(url: str, number: int) -> bytes:
    answer = await posted(url, guess(number, addr=ANOTHER))
    await posted(url, guess(number, "publish_done", ANOTHER))
    return answer.rpartition(b'"reason": "')[2].rstrip(b'"}')


async def posted(url: str, fields: dict[str, str]) -> bytes:
    """On a connection of its own, as the RTMP server does it."""
    address, body = urlsplit(url), urlencode(fields)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {address.path} HTTP/1.0\r\nHost: {address.netloc}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    writer.write(f"{head}Connection: Close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    answer = await reader.read()
    writer.close()
    return answer
