"""People of the running site, as the tests meet them: by their cookies, keys and pages."""

from __future__ import annotations

import html
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import httpx

from tests.e2e.publisher import Publisher, publish
from tests.e2e.relay import Relay, Tag
from tests.e2e.waiting import until
from tests.live import CHECKOUT, Site

SERVE = "from tests.e2e.casting import serve; serve()"
CLOSING_S = 10
LIVE_S = 30  # a publisher whose keyframes are far apart, on a busy machine
ATTEMPTS = 4
LET_IN_S = 10

P = TypeVar("P", Publisher, Relay)


@dataclass
class Streamer:
    site: Site
    cast: Cast
    name: str
    cookie: str = field(repr=False)
    key: str = field(repr=False)

    @property
    def page(self) -> str:
        return f"{self.site.url}/@{self.name}/"

    def another_key(self, state: str = "active") -> str:
        return self.cast.ask("issue", name=self.name, state=state)

    def token(self) -> str:
        return self.cast.ask("token", name=self.name)

    def rtmp_url(self, key: str | None = None, base: str | None = None) -> str:
        return f"{base or self.site.rtmp_url}/{key or self.key}"

    def publish(self, key: str | None = None, base: str | None = None, **feed: Any) -> Publisher:
        """To the site's address, or another that leads there."""
        return publish(self.rtmp_url(key, base), **feed)

    def comes_again(self, has_gone_on: Callable[[], bool], within_s: float = LET_IN_S, **feed: Any) -> Publisher:
        """As often as it takes to be let in, as encoders do."""
        while not is_let_in(publisher := self.publish(**feed), has_gone_on, within_s):
            publisher.__exit__()
        return publisher

    def on_air(self, key: str | None = None, **feed: Any) -> AbstractContextManager[Publisher]:
        return self._live(lambda: self.publish(key, **feed))

    def relaying(self, tags: Sequence[Tag]) -> AbstractContextManager[Relay]:
        return self._live(lambda: Relay(self.rtmp_url(), tags))

    @contextmanager
    def _live(self, begin: Callable[[], P]) -> Iterator[P]:
        """A publisher whose picture has arrived. Refused by a machine that is too busy, it comes again, as OBS does."""
        for _ in range(ATTEMPTS):
            with begin() as publisher:
                until(lambda: self.is_live or not publisher.runs, LIVE_S, self.dashboard)
                if publisher.runs:
                    yield publisher
                    return
                assert "no encoder free" in self.dashboard(), f"{self.dashboard()} {publisher.said()}"
        raise AssertionError(f"refused {ATTEMPTS} times: {self.dashboard()}")

    # what the site says

    def api(self) -> httpx.Response:
        return httpx.get(f"{self.site.url}/api/v1/channels/{self.name}/")

    @property
    def live(self) -> dict[str, Any] | None:
        return self.api().raise_for_status().json()["live"]

    @property
    def is_live(self) -> bool:
        live = self.live
        return live is not None and live["state"] == "live"

    def state(self) -> dict[str, Any]:
        """What the channel's page is told."""
        return httpx.get(f"{self.site.url}/live/{self.name}/state").raise_for_status().json()

    def wait_until_over(self, within_s: float = CLOSING_S) -> None:
        until(lambda: self.live is None, within_s, self.dashboard)

    def dashboard(self) -> str:
        """What the box with the live state says."""
        page = httpx.get(f"{self.site.url}/dashboard/live/", cookies={"sessionid": self.cookie}).raise_for_status()
        return " ".join(html.unescape(re.sub("<[^>]*>", " ", page.text)).split())


def is_let_in(publisher: Publisher, has_gone_on: Callable[[], bool], within_s: float) -> bool:
    until(lambda: not publisher.runs or has_gone_on(), within_s)
    return publisher.runs


class Cast:
    """The process that makes people."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __enter__(self) -> Self:
        command = [sys.executable, str(CHECKOUT / "manage.py"), "shell", "--no-imports", "--command", SERVE]
        self.process = subprocess.Popen(
            command, env=self.site.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=CLOSING_S)

    def ask(self, order: str, **details: object) -> str:
        assert self.process.stdin and self.process.stdout
        print(json.dumps({"order": order, **details}), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, "the process that makes people has ended: its words are above"
        return json.loads(answer)

    def join(self, first_name: str, is_staff: bool = False, latency: str = "low", reconnect_s: int = 0) -> Streamer:
        """A channel whose broadcasts end with their publishers, unless `reconnect_s` says for how long they wait."""
        name = f"{first_name}_{secrets.token_hex(4)}"
        cookie = self.ask("join", name=name, is_staff=is_staff, latency=latency, reconnect_s=reconnect_s)
        return Streamer(self.site, self, name, cookie, self.ask("issue", name=name, state="active"))
