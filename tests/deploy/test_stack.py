"""A stack of its own, with the stores alone: what it starts, keeps up and takes down."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from deploy.local.instance import CHECKOUT, Instance, read_env
from deploy.local.ready import Readiness

PATIENCE_S = 20


class Stack:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "deploy.local.stack", str(self.instance.folder), *arguments]
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, env=bare_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return self.process

    def start_stores(self) -> dict[str, str]:
        """Runs until it is stopped; its addresses."""
        process = self.start("--stores")
        assert process.stdout
        words = ""
        while "Ctrl-C" not in words:
            line = process.stdout.readline()
            assert line, words
            words += line
        return read_env(self.instance.env_file)

    def processes(self) -> dict[int, str]:
        """Everything below the stack's own process: pid → command."""
        return {pid: command_of(pid) for pid in below(self.process.pid)}

    def pid(self, pattern: str) -> int:
        return next(pid for pid, command in self.processes().items() if re.search(pattern, command))


def below(pid: int) -> list[int]:
    children = [int(child) for tasks in Path(f"/proc/{pid}/task").glob("*/children") for child in read(tasks).split()]
    return children + [deeper for child in children for deeper in below(child)]


def command_of(pid: int) -> str:
    return read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ")


def read(file: Path) -> str:
    """Empty, once the process has ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def left(processes: dict[int, str]) -> list[str]:
    """Those that still run: a zombie has no command, and a pid that was given anew has another."""
    return [command for pid, command in processes.items() if command_of(pid) == command != ""]


def bare_environment() -> dict[str, str]:
    """Without the addresses of the site under test, which settings leave behind in this process."""
    outer = read_env(Path(os.environ["LIVESTREAM_ENV"]))
    return {name: value for name, value in os.environ.items() if name not in outer}


@pytest.fixture
def stack(instance: Instance) -> Iterator[Stack]:
    stack = Stack(instance)
    yield stack
    stack.process.terminate()
    stack.process.wait(PATIENCE_S)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def boot_id(env: dict[str, str], stack: Stack) -> str:
    config = (stack.instance.data / "nginx" / "nginx.conf").read_text()
    found = re.search(rf"on_publish http://{env['WEB_LISTEN']}/internal/rtmp/{env['RTMP_HOOK_SECRET']}/([0-9a-f]+)/;", config)
    assert found
    return found[1]


def test_it_starts_the_stores_with_passwords_and_stops_them_on_a_signal(stack: Stack) -> None:
    env = stack.start_stores()
    for name in ("SEGMENTS_REDIS_URL", "CONTROL_REDIS_URL"):
        assert redis.Redis.from_url(env[name]).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(env[name].replace(env["STORES_PASSWORD"], "mallory")).ping()
    processes = stack.processes()
    assert len(processes) >= 6
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert left(processes) == []


def test_secrets_are_in_no_command_line_and_no_readable_file(stack: Stack) -> None:
    env = stack.start_stores()
    secrets = [env[name] for name in ("SECRET_KEY", "RTMP_HOOK_SECRET", "STORES_PASSWORD", "FIRST_ADMIN_TOKEN")]
    commands = " ".join(stack.processes().values())
    assert not any(secret in commands for secret in secrets)
    for folder in (stack.instance.folder, stack.instance.data):
        for file in folder.rglob("*"):
            if file.is_file() and any(secret.encode() in file.read_bytes() for secret in secrets):
                assert file.stat().st_mode & 0o077 == 0, file


def test_it_runs_once_per_folder(stack: Stack) -> None:
    stack.start_stores()
    second = Stack(stack.instance).start("--stores")
    words, _ = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert words == f"{stack.instance.folder} is already running: stop it first.\n"


def test_killed_servers_come_back(stack: Stack) -> None:
    env = stack.start_stores()
    boot = boot_id(env, stack)
    killed = [
        pid for pid, command in stack.processes().items() if re.search(r"/postgres -D|redis-server |mongo|nginx ", command)
    ]
    assert len(killed) == 5
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(stack.processes().keys() - killed) >= 6)
    readiness = Readiness(env, stack.instance.logs, crashes=lambda name: False)
    readiness.wait_for_stores(make_database=False)
    readiness.wait_for_services(["nginx-rtmp"])
    assert boot_id(env, stack) != boot


def test_what_a_killed_server_leaves_behind_is_no_zombie(stack: Stack) -> None:
    stack.start_stores()
    server = stack.pid("/postgres -D")
    orphans = below(server)
    assert orphans
    os.kill(server, signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))


def test_nothing_outlives_a_killed_stack(stack: Stack) -> None:
    stack.start_stores()
    processes = stack.processes()
    stack.process.kill()
    stack.process.wait()
    stack.start_stores()  # the next one waits until they have stopped
    assert left(processes) == []


def test_nothing_outlives_a_killed_supervisor(stack: Stack) -> None:
    stack.start_stores()
    processes = stack.processes()
    os.kill(stack.pid("supervisord"), signal.SIGKILL)
    assert stack.process.wait(PATIENCE_S) == 1
    assert left(processes) == []


def test_it_ends_with_the_command_and_its_status(stack: Stack) -> None:
    assert stack.start("--stores", "--run", "sh", "-c", "test -f $LIVESTREAM_ENV && exit 7").wait(PATIENCE_S) == 7


def test_a_command_s_children_end_with_it(stack: Stack, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    assert stack.start("--stores", "--run", "sh", "-c", f"sleep 1000 & echo $! >{note}").wait(PATIENCE_S) == 0
    assert command_of(int(note.read_text())) == ""


@pytest.mark.long
def test_a_server_that_does_not_stay_up_is_named_with_its_log(stack: Stack) -> None:
    assert stack.start("--stores", "--run", "true").wait(PATIENCE_S) == 0
    (stack.instance.data / "postgres" / "PG_VERSION").write_text("9.6\n")
    words, _ = stack.start("--stores", "--run", "true").communicate(timeout=PATIENCE_S * 2)
    assert stack.process.returncode == 1
    assert words.splitlines()[-1].startswith("postgres does not answer")
    assert words.endswith(f"see {stack.instance.logs}/postgres.log.\n")
    assert "Traceback" not in words


def test_data_without_its_password_is_told_apart_from_a_fault(stack: Stack) -> None:
    assert stack.start("--stores", "--run", "true").wait(PATIENCE_S) == 0
    stack.instance.env_file.unlink()
    words, _ = stack.start("--stores", "--run", "true").communicate(timeout=PATIENCE_S)
    assert stack.process.returncode == 1
    assert re.fullmatch(r"\S+/env is gone.*\n", words)
