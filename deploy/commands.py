"""The command line of each process, after the Python that runs it: script/server, compose and systemd start the same."""

from __future__ import annotations

from collections.abc import Mapping

GUNICORN = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "livestream.asgi:application"]
POOLS = ("web", "origin", "chat")
WORKERS = {"encoder": "runencoder", "successor": "runencoder", "jobs": "runjobs"}
SUCCESSOR = "successor"  # of the encoder: runs while that is restarted, and no longer


def pool(name: str, listen: str, workers: int) -> list[str]:
    return [*GUNICORN, "--bind", listen, "--workers", str(workers), "--name", name]


def worker(name: str, metrics: str) -> list[str]:
    return ["manage.py", WORKERS[name], "--metrics", metrics]


def server(module: str, folder: str) -> list[str]:
    """Its configuration is rendered at each start, below a folder that it can read and not write."""
    return ["-m", module, folder]


def edge(folder: str, metrics: str) -> list[str]:
    return [*server("deploy.local.edge", folder), "--metrics", metrics]


def listen(env: Mapping[str, str], name: str) -> str:
    return metrics(env, name) if name in WORKERS else env[f"{name.upper()}_LISTEN"]


def metrics(env: Mapping[str, str], name: str) -> str:
    """Of what has no pages of its own."""
    return env[f"{name.upper()}_METRICS_LISTEN"]
