"""The site's own programs and the two servers in front of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from deploy import commands
from deploy.local.instance import Instance
from deploy.local.program import Program


def nginx_rtmp(instance: Instance) -> Program:
    return Program("nginx-rtmp", [sys.executable, *commands.server("deploy.local.rtmp", folder(instance, "nginx"))])


def varnish(instance: Instance, env: Mapping[str, str]) -> Program:
    return Program("varnish", [sys.executable, *commands.edge(folder(instance, "varnish"), commands.metrics(env, "edge"))])


def folder(instance: Instance, name: str) -> str:
    found = instance.data / name
    found.mkdir(mode=0o711, exist_ok=True)
    return str(found)


def pool(env: Mapping[str, str], name: str, workers: int) -> Program:
    return Program(name, [sys.executable, *commands.pool(name, commands.listen(env, name), workers)])


def worker(env: Mapping[str, str], name: str) -> Program:
    return Program(name, [sys.executable, *commands.worker(name, commands.listen(env, name))])


def all_services(instance: Instance, env: Mapping[str, str]) -> list[Program]:
    return [
        pool(env, "web", workers=2),
        pool(env, "origin", workers=1),
        pool(env, "chat", workers=os.cpu_count() or 1),
        varnish(instance, env),
        *(replace(worker(env, name), stop_s=15) for name in ("encoder", commands.SUCCESSOR)),  # they hand over
        worker(env, "jobs"),
    ]
