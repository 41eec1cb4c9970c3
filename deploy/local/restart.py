"""Replaces the processes of a running site, one pool after the other, with what the checkout has now.

python -m deploy.local.restart FOLDER    the stores, the RTMP server and the edge stay as they are
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from deploy import commands
from deploy.local.instance import Instance, SetupError, read_env
from deploy.local.program import SERVICES
from deploy.local.ready import open_page, wait_for
from deploy.local.stack import manage
from deploy.local.supervision import remote

POOLS = ("origin", "web", "chat")
REPLACED_S = 60  # while the old workers answer what they hold
LOOK_S = 0.1


def main() -> int:
    instance = Instance(Path(sys.argv[1]).resolve(), public=True)
    env = read_env(instance.env_file)
    try:
        if not env:
            raise SetupError(f"{instance.folder} does not run: start it with script/server.")
        manage(instance, "init")
        Restart(instance, env).all()
    except (SetupError, OSError, Fault) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class Restart:
    def __init__(self, instance: Instance, env: Mapping[str, str]) -> None:
        self.instance, self.env = instance, env
        self.rpc = remote(env)

    def all(self) -> None:
        steps: dict[str, Callable[[], None]] = {pool: partial(self.reload, pool) for pool in POOLS}
        for name, step in (steps | {"jobs": partial(self.renew, "jobs"), "encoder": self.renew_encoder}).items():
            began = time.monotonic()
            step()
            print(f"{name} is new, after {time.monotonic() - began:.1f} s.", flush=True)

    def reload(self, pool: str) -> None:
        """Its old workers end when the new ones serve."""
        master = int(self.info(pool)["pid"])
        old = children(master)
        self.rpc.signalProcess(f"{SERVICES}:{pool}", "HUP")
        deadline = time.monotonic() + REPLACED_S
        while not (now := children(master)) or now & old:
            if time.monotonic() > deadline:
                raise SetupError(f"{pool} could not be replaced, and goes on as it was: see {self.log(pool)}.")
            time.sleep(LOOK_S)

    def renew(self, worker: str) -> None:
        self.rpc.stopProcess(f"{SERVICES}:{worker}")
        self.start(worker)

    def renew_encoder(self) -> None:
        """What it encodes goes to another, and from that to the new one."""
        with self.standing_in():
            self.renew("encoder")

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        self.start(commands.SUCCESSOR)
        try:
            yield
        finally:
            self.rpc.stopProcess(f"{SERVICES}:{commands.SUCCESSOR}")

    def start(self, worker: str) -> None:
        if self.info(worker)["statename"] != "RUNNING":
            self.rpc.startProcess(f"{SERVICES}:{worker}", False)
        page = f"http://{commands.listen(self.env, worker)}/metrics"
        wait_for(worker, partial(open_page, page), self.log(worker), lambda: self.info(worker)["statename"] == "BACKOFF")

    def info(self, name: str) -> dict[str, Any]:
        return dict(self.rpc.getProcessInfo(f"{SERVICES}:{name}"))

    def log(self, name: str) -> Path:
        return self.instance.logs / f"{name}.log"


def children(pid: int) -> set[int]:
    return {int(child) for tasks in Path(f"/proc/{pid}/task").glob("*/children") for child in tasks.read_text().split()}


if __name__ == "__main__":
    sys.exit(main())
