"""The edge's rules, in a Varnish of its own before a web, an origin and a chat that write down what they are asked."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from deploy.local.edge import host_pattern
from deploy.local.edge_metrics import Edge
from deploy.local.instance import CHECKOUT, Instance, free_ports, is_free
from deploy.local.ready import open_page, wait_for
from deploy.local.services import varnish

PLAYLIST = "/hls/0123456789abcdef/720p/playlist.m3u8"


class Backend(ThreadingHTTPServer):
    """Answers by path: .../STATUS[-MAX_AGE] → that status; waits while the gate is closed."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.headers: dict[str, str] = {}
        self.status = 200
        self.size: int | None = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.server.asked.set()
        self.server.gate.wait(10)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = self.path.encode() if self.server.size is None else bytes(self.server.size)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def backends() -> Iterator[tuple[Backend, Backend]]:
    web, origin = Backend(), Backend()
    yield web, origin
    web.shutdown()
    origin.shutdown()


@pytest.fixture
def web(backends: tuple[Backend, Backend]) -> Backend:
    return fresh(backends[0])


@pytest.fixture
def origin(backends: tuple[Backend, Backend]) -> Backend:
    return fresh(backends[1])


class Rooms:
    """Answers every message with itself."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.server = serve(self.echo, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self.server.socket.getsockname()[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def echo(self, socket: ServerConnection) -> None:
        assert socket.request
        self.requests.append((socket.request.path, dict(socket.request.headers.raw_items())))
        for message in socket:
            socket.send(message)


@pytest.fixture(scope="module")
def chat() -> Iterator[Rooms]:
    rooms = Rooms()
    yield rooms
    rooms.server.shutdown()


def fresh(backend: Backend) -> Backend:
    backend.requests.clear()
    backend.headers = {}
    backend.status, backend.size = 200, None
    backend.gate.set()
    backend.asked.clear()
    return backend


@pytest.fixture(scope="module")
def proxy_port() -> int:
    return next(free_ports())


@pytest.fixture(scope="module")
def metrics() -> str:
    return f"127.0.0.1:{next(free_ports())}"


@pytest.fixture(scope="module")
def edge_url(
    backends: tuple[Backend, Backend], chat: Rooms, proxy_port: int, metrics: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    web, origin = backends
    pools = f"WEB_LISTEN={web.address}\nORIGIN_LISTEN={origin.address}\nCHAT_LISTEN={chat.address}\n"
    more = pools + f"EDGE_PROXY_LISTEN=127.0.0.1:{proxy_port}\n"
    with started(tmp_path_factory.mktemp("edge"), metrics, more) as (url, _):
        yield url


@contextlib.contextmanager
def started(folder: Path, metrics: str, more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    instance = Instance(folder, public=False)
    instance.make_folders()
    url = f"http://127.0.0.1:{next(free_ports())}"
    instance.env_file.write_text(
        f"PUBLIC_URL=http://localhost\nEDGE_LISTEN={url.removeprefix('http://')}\n"
        f"ALLOWED_HOSTS=localhost,127.0.0.1,.alice.example\n{more}"
    )
    process = subprocess.Popen(
        varnish(instance, {"EDGE_METRICS_LISTEN": metrics}).command,
        cwd=CHECKOUT,
        env=os.environ | {"LIVESTREAM_ENV": str(instance.env_file)},
    )
    try:
        for page in (f"{url}/healthz", f"http://{metrics}/metrics"):
            wait_for(page, partial(open_page, page), instance.logs)
        yield url, process
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(instance.data)


@pytest.fixture
def edge(edge_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=edge_url, timeout=10) as client:
        yield client


# --- what is passed on -----------------------------------------------------------------------------------------------------


def test_pages_go_to_web_with_their_cookies_and_are_not_kept(edge: httpx.Client, web: Backend) -> None:
    for _ in range(2):
        edge.get("/@alice/", headers={"Cookie": "sessionid=bob"})
    assert web.paths() == ["/@alice/", "/@alice/"]
    assert web.requests[0][2]["Cookie"] == "sessionid=bob"


def test_it_alone_says_where_a_request_comes_from(edge: httpx.Client, web: Backend) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "mallory.example"}
    edge.get("/", headers={**forged, "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Edge": "0"})
    headers = web.requests[0][2]
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Edge"] == "1"
    assert "6.6.6.6" not in str(headers)
    assert "mallory" not in str(headers)


def test_what_ends_tls_says_where_a_request_comes_from(edge_url: str, proxy_port: int, web: Backend) -> None:
    with socket.create_connection(("127.0.0.1", proxy_port)) as caddy:
        caddy.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caddy.recv(100).startswith(b"HTTP/1.1 200")
    assert web.requests[0][2]["X-Forwarded-For"] == "203.0.113.7"


def test_a_connection_header_that_would_strip_the_edge_s_mark_is_refused(edge: httpx.Client, web: Backend) -> None:
    assert edge.get("/", headers={"Connection": "X-Edge, X-Forwarded-For"}).status_code == 400
    assert not web.requests


@pytest.mark.parametrize(
    "path",
    [
        "/internal/rtmp/x/",
        "/internal",
        "/Internal/metrics",
        "/%69nternal/x",
        "//internal/x",
        "/./internal/x",
        "/a/../internal/x",
    ]
    + ["/internal%2fx", "/hls/%2e%2e/internal/x", "/hls/../internal/x", "/ws/rooms/alice/"],
)
def test_internal_and_odd_paths_reach_nobody(edge_url: str, web: Backend, origin: Backend, path: str) -> None:
    assert raw_status(edge_url, path) == 404
    assert not web.requests
    assert not origin.requests


def raw_status(edge_url: str, path: str) -> int:
    """The path as it is: httpx tidies it up."""
    connection = HTTPConnection(edge_url.removeprefix("http://"))
    connection.request("GET", path)
    with connection.getresponse() as response:
        return response.status


@pytest.mark.parametrize(("host", "status"), [("localhost:8000", 200), ("tv.alice.example", 200), ("mallory.example", 404)])
def test_it_answers_by_the_site_s_names_only(edge: httpx.Client, web: Backend, host: str, status: int) -> None:
    assert edge.get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("allowed", "pattern"), [("*", ".*"), ("a.example", r"a\.example"), (".a.example", r"(.+\.)?a\.example")]
)
def test_hosts_are_read_as_django_reads_them(allowed: str, pattern: str) -> None:
    assert host_pattern(allowed) == pattern


def websocket(edge_url: str, path: str, **headers: str) -> ClientConnection:
    return connect(f"{edge_url.replace('http', 'ws')}{path}", additional_headers=headers, proxy=None)


def test_sockets_go_to_chat_both_ways(edge_url: str, chat: Rooms, web: Backend) -> None:
    with websocket(edge_url, "/ws/rooms/alice/", Cookie="sessionid=bob", Origin="http://localhost") as socket:
        for message in ("hello", "x" * 100_000):
            socket.send(message)
            assert socket.recv(timeout=5) == message
    path, headers = chat.requests[-1]
    assert path == "/ws/rooms/alice/"
    assert (headers["Cookie"], headers["Origin"]) == ("sessionid=bob", "http://localhost")
    assert not web.requests


def test_chat_is_told_the_true_address(edge_url: str, chat: Rooms) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Edge": "0"}
    with websocket(edge_url, "/ws/rooms/alice/", **forged):
        pass
    headers = chat.requests[-1][1]
    assert (headers["X-Forwarded-For"], headers["X-Edge"]) == ("127.0.0.1", "1")
    assert "6.6.6.6" not in str(headers)


@pytest.mark.parametrize("path", ["/", "/internal/x", "/hls/0123456789abcdef/master.m3u8", "/ws", "//ws/rooms/alice/"])
def test_nothing_else_becomes_a_socket(edge_url: str, chat: Rooms, path: str) -> None:
    with pytest.raises(InvalidStatus), websocket(edge_url, path):
        pass
    assert path not in [asked for asked, _ in chat.requests]


def test_an_upgrade_to_something_else_reaches_nobody(edge: httpx.Client, web: Backend, chat: Rooms) -> None:
    before = len(chat.requests)
    assert edge.get("/ws/rooms/alice/", headers={"Upgrade": "h2c", "Connection": "Upgrade"}).status_code == 404
    edge.get("/", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
    assert "Upgrade" not in web.requests[0][2]
    assert len(chat.requests) == before


# --- what is kept ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 404, 503])
def test_blocked_requests_for_one_playlist_are_asked_once(edge: httpx.Client, origin: Backend, status: int) -> None:
    url = f"{PLAYLIST}?_HLS_msn=7&_HLS_part=1{status % 10}"
    origin.status = status
    origin.gate.clear()
    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(edge.get, url) for _ in range(50)]
        assert origin.asked.wait(5)
        origin.gate.set()
        assert {answer.result().status_code for answer in answers} == {status}
    assert origin.paths() == [url]


@pytest.mark.parametrize(
    ("asked", "reaches"),
    [
        (f"{PLAYLIST}?_HLS_part=2&_HLS_msn=31", f"{PLAYLIST}?_HLS_msn=31&_HLS_part=2"),
        (f"{PLAYLIST}?utm=1&_HLS_msn=32&x", f"{PLAYLIST}?_HLS_msn=32"),
        (f"{PLAYLIST}?_HLS_skip=YES", f"{PLAYLIST}?_HLS_skip=YES"),
        (f"{PLAYLIST}?nothing=1", PLAYLIST),
        ("/hls/0123456789abcdef/720p/p1-2.mp4?x=1", "/hls/0123456789abcdef/720p/p1-2.mp4"),
        ("/live/alice/state?x=1&after=12", "/live/alice/state?after=12"),
        ("/live/bob/state?x=1", "/live/bob/state"),
        ("/live/alice.m3u8?after=3", "/live/alice.m3u8"),
    ],
)
def test_only_names_that_the_origin_knows_make_another_request(
    edge: httpx.Client, origin: Backend, asked: str, reaches: str
) -> None:
    origin.headers = {"Cache-Control": "max-age=60"}
    for _ in range(2):
        assert edge.get(asked, headers={"Cookie": "sessionid=bob", "Authorization": "x"}).text == reaches
    assert origin.paths() in ([reaches], [])  # the one before may have asked it
    assert "sessionid" not in str(origin.requests)


@pytest.mark.parametrize(
    "path",
    [
        f"{PLAYLIST}?_HLS_msn=1234567890",
        f"{PLAYLIST}?_HLS_msn=-1",
        f"{PLAYLIST}?_HLS_part=1",
        f"{PLAYLIST}?_HLS_skip=no",
        "/live/alice/state?after=1x",
        "/live/alice/state?after=1&after=2",
        "/live/alice/state?after=",
    ],
)
def test_absurd_queries_are_refused_without_asking(edge: httpx.Client, origin: Backend, path: str) -> None:
    assert edge.get(path).status_code == 400
    assert not origin.requests


@pytest.mark.parametrize("path", [PLAYLIST, "/live/alice/state"])
def test_media_is_only_read(edge: httpx.Client, origin: Backend, path: str) -> None:
    assert edge.post(path).status_code == 405
    assert not origin.requests


def test_the_origin_says_how_long_an_answer_is_kept(edge: httpx.Client, origin: Backend) -> None:
    origin.headers = {"Cache-Control": "max-age=60", "Set-Cookie": "a=b", "Vary": "Cookie"}
    first, second = (edge.get("/hls/0123456789abcdef/720p/i1.mp4", headers={"Cookie": name}) for name in ("alice", "bob"))
    assert len(origin.requests) == 1
    assert "Set-Cookie" not in first.headers
    assert second.headers["Access-Control-Allow-Origin"] == "*"


def test_a_redirect_to_the_current_broadcast_is_kept_for_a_moment(edge: httpx.Client, origin: Backend) -> None:
    origin.status, origin.headers = 302, {"Location": "/hls/0123456789abcdef/master.m3u8"}
    for _ in range(2):
        assert edge.get("/live/carol.m3u8").headers["Location"] == "/hls/0123456789abcdef/master.m3u8"
    assert len(origin.requests) == 1


def test_static_files_are_kept_without_cookies(edge: httpx.Client, web: Backend) -> None:
    web.headers = {"Cache-Control": "max-age=60"}
    for name in ("alice", "bob"):
        edge.get("/static/site.0123.css", headers={"Cookie": name})
    assert len(web.requests) == 1
    assert "Cookie" not in web.requests[0][2]


def test_pictures_are_kept_without_cookies_whatever_is_asked_of_them(edge: httpx.Client, web: Backend) -> None:
    web.headers = {"Cache-Control": "public, max-age=31536000, immutable, s-maxage=3600"}
    for query in ("", "?bust=1", "?bust=2"):
        edge.get(f"/media/avatars/abcdefgh.webp{query}", headers={"Cookie": "sessionid=1"})
    assert web.paths() == ["/media/avatars/abcdefgh.webp"]
    assert "Cookie" not in web.requests[0][2]


def test_words_are_kept_whatever_language_somebody_else_reads(edge: httpx.Client, web: Backend) -> None:
    web.headers = {"Cache-Control": "public, max-age=31536000", "Vary": "Accept-Language, Cookie"}
    for language in ("de", "en"):
        edge.get("/words/de/0123456789ab.js", headers={"Cookie": f"django_language={language}", "Accept-Language": language})
    assert web.paths() == ["/words/de/0123456789ab.js"]


def test_pages_are_made_in_each_language(edge: httpx.Client, web: Backend) -> None:
    web.headers = {"Cache-Control": "private, no-store", "Vary": "Accept-Language"}
    for language in ("de", "en"):
        edge.get("/", headers={"Accept-Language": language})
    assert [request[2]["Accept-Language"] for request in web.requests] == ["de", "en"]


def test_an_upload_reaches_web_unless_it_is_too_large_or_of_unknown_length(edge: httpx.Client, web: Backend) -> None:
    assert edge.post("/accounts/profile/", content=bytes(6_000_000)).status_code == 200
    too_large = edge.post("/accounts/profile/", content=bytes(8 * 1024 * 1024 + 1))
    assert too_large.status_code == 413 and "at most 8 MB" in too_large.text
    assert edge.post("/accounts/profile/", content=iter([b"x"])).status_code == 411
    assert len(web.requests) == 1


# --- beacons --------------------------------------------------------------------------------------------------------------

BEACON = "/hls/0123456789abcdef/beacon"


def test_beacons_reach_the_origin_with_the_address_and_nothing_else_of_whoever_sent_them(
    edge_url: str, origin: Backend
) -> None:
    sent = {"Cookie": "sessionid=secret", "Authorization": "Bearer secret", "X-Forwarded-For": "192.0.2.7"}
    for _ in range(2):  # none is answered from the cache
        assert httpx.post(edge_url + BEACON, content=b"{}", headers=sent).status_code == 200
    assert [(method, path) for method, path, _ in origin.requests] == [("POST", BEACON)] * 2
    headers = {name.lower(): value for name, value in origin.requests[0][2].items()}
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert "secret" not in str(headers)


def test_what_is_longer_than_a_beacon_is_refused_before_the_origin(edge_url: str, origin: Backend) -> None:
    assert httpx.post(edge_url + BEACON, content=b"x" * 513).status_code == 413
    assert httpx.post(edge_url + BEACON, content=iter([b"x"])).status_code == 413  # of unknown length
    for path in ("/hls/0123456789abcdef/master.m3u8", "/hls/short/beacon", "/live/alice/viewers"):
        assert httpx.post(edge_url + path, content=b"{}").status_code == 405
    assert origin.requests == []


def test_viewers_are_asked_for_once_for_everybody(edge_url: str, origin: Backend) -> None:
    origin.headers = {"Cache-Control": "public, max-age=5"}
    for number in range(3):
        assert httpx.get(f"{edge_url}/live/beacon_test/viewers?x={number}").status_code == 200
    assert [path for _, path, _ in origin.requests] == ["/live/beacon_test/viewers"]


# --- who is slow on purpose -----------------------------------------------------------------------------------------------

SLOW = 60
PATIENCE_S = 15
ESTABLISHED = "01"  # in /proc/net/tcp


def test_heads_that_never_end_are_closed_and_hold_up_nobody(edge_url: str, web: Backend) -> None:
    address = urlsplit(edge_url)
    began = time.monotonic()
    sockets = [socket.create_connection((address.hostname, address.port)) for _ in range(SLOW)]
    for each in sockets:
        each.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    waits = []
    while len(sockets) and time.monotonic() - began < PATIENCE_S:
        asked_at = time.monotonic()
        assert httpx.get(edge_url).status_code == 200
        waits.append(time.monotonic() - asked_at)
        readable, _, _ = select.select(sockets, [], [], 0.5)
        for each in readable:
            with contextlib.suppress(ConnectionResetError):  # closed while the last line was on its way
                assert each.recv(1000) == b""
            sockets.remove(each)
        for each in sockets:
            with contextlib.suppress(OSError):  # closed since
                each.sendall(b"X-Slow: 1\r\n")
    assert sockets == []
    assert sorted(waits)[len(waits) * 95 // 100] < 0.5


def test_who_does_not_read_is_closed(edge_url: str, web: Backend) -> None:
    address = urlsplit(edge_url)
    web.size = 20_000_000
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((address.hostname, address.port))
        deaf.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        while is_held(address.port or 0, deaf.getsockname()[1]):
            assert time.monotonic() - began < 2 * PATIENCE_S
            time.sleep(0.1)
        assert time.monotonic() - began > 1


def is_held(port: int, client: int) -> bool:
    """Whether the edge has that connection open: the kernel may still try to send what is left."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, ours, theirs, state, *_ = line.split()
        if (int(ours[-4:], 16), int(theirs[-4:], 16)) == (port, client):
            return state == ESTABLISHED
    return False


def test_a_head_that_is_too_long_is_refused(edge: httpx.Client, web: Backend) -> None:
    with contextlib.suppress(httpx.TransportError):  # it is closed before all of it is read
        assert edge.get("/", headers={f"X-{number}": "x" * 4000 for number in range(5)}).status_code == 400
    assert not web.requests


# --- what it counts --------------------------------------------------------------------------------------------------------


def counted(metrics: str) -> dict[str, float]:
    with urlopen(f"http://{metrics}/metrics", timeout=5) as page:
        lines = page.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_prometheus_is_told_how_requests_were_answered(edge: httpx.Client, metrics: str, web: Backend, origin: Backend) -> None:
    before = counted(metrics)
    assert before["livestream_edge_up"] == 1
    origin.headers = {"Cache-Control": "public, max-age=60"}
    for _ in range(5):
        edge.get("/hls/fedcba9876543210/720p/p1-1.mp4")
    edge.get("/@alice/")
    edge.get("/internal/metrics")
    wanted = {"hit": 4, "miss": 1, "pass": 1, "synth": 1, "pipe": 0}
    names = {answer: f'livestream_edge_requests_total{{answer="{answer}"}}' for answer in wanted}

    def told() -> None:
        after = counted(metrics)
        assert {answer: after[name] - before[name] for answer, name in names.items()} == wanted
        assert after["livestream_edge_backend_requests_total"] - before["livestream_edge_backend_requests_total"] == 2
        assert after["livestream_edge_sent_bytes_total"] > before["livestream_edge_sent_bytes_total"]

    eventually(told)  # its threads sum up what they counted once they have answered
    assert before["livestream_edge_threads"] > 0 and before["livestream_edge_dropped_total"] == 0


def eventually(check: Callable[[], None], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def test_what_tells_prometheus_ends_with_varnish_however_that_went(
    backends: tuple[Backend, Backend], chat: Rooms, tmp_path_factory: pytest.TempPathFactory
) -> None:
    web, origin = backends
    more = f"WEB_LISTEN={web.address}\nORIGIN_LISTEN={origin.address}\nCHAT_LISTEN={chat.address}\n"
    listen = f"127.0.0.1:{next(free_ports())}"
    host, _, port = listen.partition(":")
    with started(tmp_path_factory.mktemp("edge"), listen, more) as (_, process):
        process.kill()

        def gone() -> None:
            assert is_free(host, int(port))

        eventually(gone)


def test_where_varnish_does_not_run_that_is_all_that_is_told(tmp_path: Path) -> None:
    [up] = Edge(tmp_path).collect()
    assert [(sample.name, sample.value) for sample in up.samples] == [("livestream_edge_up", 0)]
