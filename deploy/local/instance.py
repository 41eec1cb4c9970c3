"""An instance: one folder with everything that one running copy of the site keeps, and the addresses it was given."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parents[2]
SECRETS = ("SECRET_KEY", "RTMP_HOOK_SECRET", "FIRST_ADMIN_TOKEN", "STORES_PASSWORD")
LOCK_PAUSE_S = 0.1
FIRST_UNPRIVILEGED_PORT = 1024
# Below what the kernel gives to outgoing connections, so that a restarted process finds its port still free.
INTERNAL_PORTS = range(20000, 32000)


class SetupError(Exception):
    """A sentence for whoever started the site: what is wrong and what to do."""


@dataclass(frozen=True)
class Instance:
    folder: Path
    public: bool

    @property
    def env_file(self) -> Path:
        return self.folder / "env"

    @property
    def supervisor_config(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def data(self) -> Path:
        """Where the stores keep their files: elsewhere, if root's checkout is closed to the users they run as."""
        if os.geteuid() != 0 or open_to_all(self.folder.parent):
            return self.folder / "data"
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"livestream-{name}"

    def make_folders(self) -> None:
        for path in (self.folder, self.data, self.logs):
            path.mkdir(parents=True, exist_ok=True)
        if self.data.lstat().st_uid != os.geteuid() or self.data.is_symlink():
            raise SetupError(f"{self.data} belongs to somebody else: remove it, then start again.")
        self.data.chmod(0o711)
        self.logs.chmod(0o700)

    def lock(self, within_s: float = 0) -> IO[str]:
        """Held by the file that is returned, and by every process that inherits it: by one that was killed, for a moment."""
        file = (self.folder / "lock").open("w")
        deadline = time.monotonic() + within_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() > deadline:
                    file.close()
                    raise SetupError(f"{self.folder} is already running: stop it first.") from None
                time.sleep(LOCK_PAUSE_S)


def open_to_all(path: Path) -> bool:
    """Whether any user may pass through this folder and those above it."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def free_ports() -> Iterator[int]:
    """All different, and one after the other: two instances that start at the same time rarely meet."""
    start = random.choice(INTERNAL_PORTS)
    for port in [*range(start, INTERNAL_PORTS.stop), *range(INTERNAL_PORTS.start, start)]:
        if is_free("127.0.0.1", port):
            yield port
    raise SetupError(f"No port of 127.0.0.1 from {INTERNAL_PORTS.start} on is free: stop something that uses them.")


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def public_port(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SetupError(f"{name}={text} is no port: give a number from 1 to 65535.")
    if int(text) < FIRST_UNPRIVILEGED_PORT and os.geteuid() != 0:
        raise SetupError(f"Port {text} is for root alone: choose one from 1024 up with {name}=NUMBER.")
    if not is_free("", int(text)):
        raise SetupError(f"Port {text} is busy: stop what uses it, or choose another with {name}=NUMBER.")
    return int(text)


def read_env(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def surroundings() -> dict[str, str]:
    """Of a program that was started: the instance's variables, if it has any, over those of the environment."""
    file = os.environ.get("LIVESTREAM_ENV")
    return dict(os.environ) | (read_env(Path(file)) if file else {})


def write_private(file: Path, text: str, user: str | None = None) -> None:
    """Replace a file that only its owner may read, in one step."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        if user:
            shutil.chown(new, user)
        out.write(text)
    new.replace(file)


def make_env(instance: Instance, outer: Mapping[str, str]) -> dict[str, str]:
    """All variables of the instance: secrets stay as they were, addresses are new, what the caller's environment says wins."""
    old = read_env(instance.env_file)
    if "STORES_PASSWORD" not in old and (instance.data / "postgres").exists():
        raise SetupError(
            f"{instance.env_file} is gone, and with it the password of {instance.data}: bring it back, or remove both."
        )
    env = {name: old.get(name) or secrets.token_urlsafe(32) for name in SECRETS}
    env |= addresses(instance, env["STORES_PASSWORD"], outer.get("PUBLIC_URL"))
    return env | {name: outer[name] for name in env if name in outer}


def addresses(instance: Instance, password: str, public_url: str | None) -> dict[str, str]:
    ports = free_ports()
    edge = public_port("EDGE_PORT", 8000) if instance.public else next(ports)
    rtmp = public_port("RTMP_PORT", 1935) if instance.public else next(ports)
    everywhere = "0.0.0.0" if instance.public else "127.0.0.1"
    public_url = public_url or f"http://localhost:{edge}"
    host = urlsplit(public_url).hostname
    if not host:
        raise SetupError(f"PUBLIC_URL={public_url} is no address: give one such as http://localhost:8000.")
    inner = (f"127.0.0.1:{port}" for port in islice(ports, 13))
    web, origin, chat, control, postgres, mongo, segments, redis, supervisor, encoder, successor, jobs, statistics = inner
    return {
        "PUBLIC_URL": public_url,
        "ALLOWED_HOSTS": ",".join(dict.fromkeys(["localhost", "127.0.0.1", host])),
        "EDGE_LISTEN": f"{everywhere}:{edge}",
        "RTMP_LISTEN": f"{everywhere}:{rtmp}",
        "WEB_LISTEN": web,
        "ORIGIN_LISTEN": origin,
        "CHAT_LISTEN": chat,
        "ENCODER_METRICS_LISTEN": encoder,
        "SUCCESSOR_METRICS_LISTEN": successor,
        "JOBS_METRICS_LISTEN": jobs,
        "EDGE_METRICS_LISTEN": statistics,
        "LOAD_SHEDDING": "on" if instance.public else "off",  # beside tests and benchmarks encoders may be late
        "API_ANONYMOUS_PER_MINUTE": "60" if instance.public else "6000",  # they ask from one address, again and again
        "CHAT_ICE_ADDRESSES": "" if instance.public else "127.0.0.1",
        "SUPERVISOR_LISTEN": supervisor,
        "RTMP_URL": f"rtmp://127.0.0.1:{rtmp}/live",
        "RTMP_PUBLIC_URL": f"rtmp://{host}:{rtmp}/live",
        "RTMP_CONTROL_URL": f"http://{control}",
        "DATABASE_URL": f"postgres://livestream:{password}@{postgres}/livestream",
        "MONGODB_URI": f"mongodb://{mongo}/livestream",
        "SEGMENTS_REDIS_URL": f"redis://:{password}@{segments}/0",
        "CONTROL_REDIS_URL": f"redis://:{password}@{redis}/0",
        "EMAIL_URL": f"filemail:///{instance.folder / 'mail'}",
        "STATIC_ROOT": str(instance.folder / "static"),
        "MEDIA_ROOT": str(instance.folder / "media"),
    }
