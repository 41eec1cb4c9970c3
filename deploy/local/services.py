"""The site's own programs and the two servers in front of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from deploy import commands
from deploy.local.instance import Instance
from deploy.local.program import Program


def nginx_rtmp(instance: Instance) -> Program:
    return server("nginx-rtmp", "deploy.local.rtmp", instance.data / "nginx")


def varnish(instance: Instance) -> Program:
    return server("varnish", "deploy.local.edge", instance.data / "varnish")


def server(name: str, module: str, folder: Path) -> Program:
    folder.mkdir(mode=0o711, exist_ok=True)
    return Program(name, [sys.executable, *commands.server(module, str(folder))])


def pool(env: Mapping[str, str], name: str, workers: int) -> Program:
    return Program(name, [sys.executable, *commands.pool(name, commands.listen(env, name), workers)])


def worker(env: Mapping[str, str], name: str) -> Program:
    return Program(name, [sys.executable, *commands.worker(name, commands.listen(env, name))])


def all_services(instance: Instance, env: Mapping[str, str]) -> list[Program]:
    return [
        pool(env, "web", workers=2),
        pool(env, "origin", workers=1),
        pool(env, "chat", workers=os.cpu_count() or 1),
        varnish(instance),
        *(replace(worker(env, name), stop_s=15) for name in ("encoder", commands.SUCCESSOR)),  # they hand over
        worker(env, "jobs"),
    ]
