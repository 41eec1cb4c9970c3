"""What was measured where: the machine, and the versions of everything that took part."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path

from deploy.local.instance import CHECKOUT
from deploy.local.program import system_tool

# A command that says its version, and where in its words.
VERSIONS = {
    "ffmpeg": (["ffmpeg", "-version"], r"ffmpeg version (\S+)"),
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "Varnish": (["varnishd", "-V"], r"varnish-(\S+)"),
    "Redis": (["redis-server", "--version"], r"v=(\S+)"),
    "Chromium": (["chromium", "--version"], r"Chromium (\S+)"),
    "commit": (["git", "log", "-1", "--format=%h"], r"(\S+)"),
}


def machine() -> str:
    names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory_kb = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0])
    return f"{os.cpu_count()} × {names[0]}, {memory_kb / 1e6:.0f} GB, Linux {platform.release()}"


def versions() -> dict[str, str]:
    found = {name: said(command, words) for name, (command, words) in VERSIONS.items()}
    found["commit"] += "-dirty" if changed() else ""
    packages = json.loads((CHECKOUT / "package-lock.json").read_text())["packages"]
    return found | {"Python": platform.python_version(), "hls.js": packages["node_modules/hls.js"]["version"]}


def changed() -> bool:
    """Whether anything is not committed, but what is being measured."""
    command = ["git", "status", "--porcelain", "--", ".", ":!docs/performance"]
    return bool(subprocess.run(command, capture_output=True, cwd=CHECKOUT).stdout)


def said(command: list[str], words: str) -> str:
    answer = subprocess.run([system_tool(command[0]), *command[1:]], capture_output=True, text=True, cwd=CHECKOUT)
    found = re.search(words, answer.stdout + answer.stderr)
    return found[1] if found else "unknown"
