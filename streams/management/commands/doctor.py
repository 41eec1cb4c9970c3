from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from mongoengine.connection import get_db
from websockets import Origin
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

TIMEOUT_S = settings.STORE_TIMEOUT_S
ENCODERS = ("libx264", "aac")


class Trouble(Exception):
    """Something answers, but is not what is needed."""


class Command(BaseCommand):
    help = "Says of everything the site depends on whether it is there, which version, and whether it answers."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [name for name, check in CHECKS.items() if not self.passes(name, check)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(CHECKS)} failed: {', '.join(failed)}")

    def passes(self, name: str, check: Callable[[], str]) -> bool:
        try:
            self.stdout.write(f"ok    {name}: {check()}")
            return True
        except Exception as error:  # whatever it is, the next one is examined as well
            words = str(error).strip() or type(error).__name__
            self.stdout.write(self.style.ERROR(f"FAIL  {name}: {' '.join(words.split())}"))
            return False


def postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
    address = connection.settings_dict
    return f"{version} at {address['HOST']}:{address['PORT']}"


def redis_at(url: str) -> Callable[[], str]:
    def check() -> str:
        with redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
            version = client.info("server")["redis_version"]
            policy = client.info("memory")["maxmemory_policy"]
        return f"{version} at {place(url)}, when full: {policy}"

    return check


def mongodb() -> str:
    info = get_db().command("buildInfo")
    if "ferretdbVersion" in info:
        return f"FerretDB at {place(settings.MONGODB_URI)}: a stand-in for one machine, use MongoDB in production"
    return f"MongoDB {info['version']} at {place(settings.MONGODB_URI)}"


def rtmp_server() -> str:
    answer = httpx.get(f"{settings.RTMP_CONTROL_URL}/stat", timeout=TIMEOUT_S).raise_for_status()
    statistics = ElementTree.fromstring(answer.content)
    nginx, module = (statistics.findtext(f"nginx_{name}") for name in ("version", "rtmp_version"))
    return f"nginx {nginx} with rtmp {module}, publish to {settings.RTMP_PUBLIC_URL}"


def ffmpeg() -> str:
    version = re.match(r"ffmpeg version (\S+)", run(settings.FFMPEG, "-version"))
    if version is None:
        raise Trouble(f"`{settings.FFMPEG} -version` does not say which version it is")
    encoders = {words[1] for line in run(settings.FFMPEG, "-encoders").splitlines() if len(words := line.split()) > 1}
    if missing := [name for name in ENCODERS if name not in encoders]:
        raise Trouble(f"{settings.FFMPEG} {version[1]} lacks {', '.join(missing)}: install one that has them, or set FFMPEG")
    return f"{version[1]} with {', '.join(ENCODERS)}"


def run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
    except FileNotFoundError:
        raise Trouble(f"`{command[0]}` was not found: install it, or set FFMPEG") from None


def edge() -> str:
    answer = httpx.get(f"{settings.PUBLIC_URL}/healthz", timeout=TIMEOUT_S)
    if answer.status_code != 200:
        raise Trouble(f"{settings.PUBLIC_URL}/healthz answers {answer.status_code}")
    return f"{settings.PUBLIC_URL} answers"


def chat() -> str:
    """By the way that browsers go: proxies tend to swallow upgrades."""
    address = urlsplit(settings.PUBLIC_URL)
    url = address._replace(scheme=address.scheme.replace("http", "ws"), path="/ws/rooms/doctor/").geturl()
    try:
        connect(url, origin=Origin(settings.PUBLIC_URL), open_timeout=TIMEOUT_S, proxy=None).close()
    except InvalidStatus as error:
        raise Trouble(f"{url} answers {error.response.status_code}: let it through as a WebSocket") from None
    return f"{url} answers, WebRTC for {settings.CHAT_PEERS} viewers of each process"


def place(url: str) -> str:
    """The address without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


CHECKS: dict[str, Callable[[], str]] = {
    "PostgreSQL": postgresql,
    "MongoDB": mongodb,
    "Redis (segments)": redis_at(settings.SEGMENTS_REDIS_URL),
    "Redis (control)": redis_at(settings.CONTROL_REDIS_URL),
    "RTMP server": rtmp_server,
    "ffmpeg": ffmpeg,
    "edge": edge,
    "chat": chat,
}
