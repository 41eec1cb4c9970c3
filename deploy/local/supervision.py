"""supervisord: its configuration, its life, and the calls that start programs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import IO, Any, Self
from xmlrpc.client import Fault, ServerProxy

from deploy.local.instance import CHECKOUT, Instance, SetupError
from deploy.local.processes import adopt_orphans
from deploy.local.program import SERVICES, STORES, Program, bound

START_S = 10
STOP_S = 60


def configuration(instance: Instance, env: Mapping[str, str], programs: list[Program]) -> str:
    logs = escape(str(instance.logs))
    head = f"""\
[supervisord]
nodaemon=true
silent=true
directory={escape(str(CHECKOUT))}
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={escape(str(instance.folder))}/supervisord.pid
childlogdir={logs}

[inet_http_server]
port={env["SUPERVISOR_LISTEN"]}
username=livestream
password={env["STORES_PASSWORD"]}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    groups = (group(name, priority, programs) for name, priority in ((STORES, 10), (SERVICES, 20)))
    return "\n".join([head, *groups, *(section(program, logs) for program in programs)])


def group(name: str, priority: int, programs: list[Program]) -> str:
    """supervisord stops the highest priority first, and a group's programs at the same time."""
    members = ",".join(program.name for program in programs if program.group == name)
    return f"[group:{name}]\nprograms={members}\npriority={priority}\n" if members else ""


def section(program: Program, logs: str) -> str:
    command = [*bound(program.user, program.stop_signal), *program.command]
    return f"""\
[program:{program.name}]
command={escape(shlex.join(command))}
autostart=false
autorestart=true
startretries=1000
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_s}
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{program.name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=1
"""


def escape(text: str) -> str:
    return text.replace("%", "%%")


def remote(env: Mapping[str, str]) -> Any:
    """The calls of the instance's supervisord."""
    return ServerProxy(f"http://livestream:{env['STORES_PASSWORD']}@{env['SUPERVISOR_LISTEN']}/RPC2").supervisor


class Supervisor:
    def __init__(self, instance: Instance, env: Mapping[str, str], lock: IO[str]) -> None:
        self.instance = instance
        self.rpc = remote(env)
        self.lock = lock

    def __enter__(self) -> Self:
        """In a session of its own, so that Ctrl-C reaches it by way of this process alone.

        It inherits the lock: should this process be killed, the instance is free only when everything has stopped.
        """
        command = [sys.executable, "-m", "deploy.local.supervisord", "-c", str(self.instance.supervisor_config)]
        with (self.instance.logs / "supervisord.out").open("w") as out:
            self.process = subprocess.Popen(
                [*bound(), *command],
                cwd=CHECKOUT,
                env=os.environ | {"LIVESTREAM_ENV": str(self.instance.env_file), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=adopt_orphans,  # what a killed program leaves behind is asked how it ended
                pass_fds=[self.lock.fileno()],
            )
        self.wait_until_it_answers()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.rpc.getState()
                return
            except OSError:
                time.sleep(0.05)
        raise SetupError(f"supervisord did not start: see {self.instance.logs}/supervisord.out.")

    def start(self, programs: Iterable[Program]) -> None:
        for program in programs:
            try:
                self.rpc.startProcess(f"{program.group}:{program.name}", False)
            except Fault as fault:
                raise SetupError(f"{program.name} could not be started ({fault.faultString}).") from fault

    def crashes(self, name: str) -> bool:
        """Whether this program ended as soon as it was started, and is to be started again."""
        programs: list[dict[str, object]] = self.rpc.getAllProcessInfo()
        return any(program["name"] == name and program["statename"] == "BACKOFF" for program in programs)

    def wait(self) -> None:
        self.process.wait()
        print(f"supervisord has ended by itself: see {self.instance.logs}/supervisord.log.", file=sys.stderr)
