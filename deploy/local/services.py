"""The site's own programs and the two servers in front of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.instance import CHECKOUT, Instance
from deploy.local.program import Program

GUNICORN = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "livestream.asgi:application"]


def nginx_rtmp(instance: Instance) -> Program:
    return server("nginx-rtmp", "deploy.local.rtmp", instance.data / "nginx")


def varnish(instance: Instance) -> Program:
    return server("varnish", "deploy.local.edge", instance.data / "varnish")


def server(name: str, module: str, folder: Path) -> Program:
    """Its configuration is rendered at each start, below a folder that it can read and not write."""
    folder.mkdir(mode=0o711, exist_ok=True)
    return Program(name, [sys.executable, "-m", module, str(folder)])


def pool(name: str, listen: str, workers: int) -> Program:
    return Program(name, [sys.executable, *GUNICORN, "--bind", listen, "--workers", str(workers), "--name", name])


def command(name: str, *args: str) -> Program:
    return Program(name, [sys.executable, str(CHECKOUT / "manage.py"), *args])


def all_services(instance: Instance, env: Mapping[str, str]) -> list[Program]:
    return [
        pool("web", env["WEB_LISTEN"], workers=2),
        pool("origin", env["ORIGIN_LISTEN"], workers=1),
        pool("chat", env["CHAT_LISTEN"], workers=os.cpu_count() or 1),
        varnish(instance),
        command("encoder", "runencoder", "--metrics", env["ENCODER_METRICS_LISTEN"]),
        command("jobs", "runjobs", "--metrics", env["JOBS_METRICS_LISTEN"]),
    ]
