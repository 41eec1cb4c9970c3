"""What production starts: the commands of script/server, under units and a compose file that their own tools accept."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import commands
from deploy.local.instance import CHECKOUT, read_env

COMPOSE, SYSTEMD = CHECKOUT / "deploy/compose", CHECKOUT / "deploy/systemd"
INSTALLED = "/opt/livestream"
WORKERS_OF_POOL = {"web": 4, "origin": 2, "chat": 4}
SECRET = "0123456789abcdef0123456789abcdef"
PROCESSES = [*commands.POOLS, *commands.WORKERS, "rtmp", "edge"]


def wanted(process: str, env: dict[str, str], folder: str) -> list[str]:
    if process in commands.POOLS:
        return commands.pool(process, commands.listen(env, process), WORKERS_OF_POOL[process])
    if process in commands.WORKERS:
        return commands.worker(process, commands.listen(env, process))
    if process == "edge":
        return commands.edge(folder, commands.metrics(env, process))
    return commands.server(f"deploy.local.{process}", folder)


def ports(env: dict[str, str]) -> dict[str, str]:
    """Those that are for Prometheus alone are in commands alone."""
    metrics = {"encoder": 8104, "successor": 8108, "jobs": 8105, "edge": 8109}
    return {f"{name.upper()}_METRICS_LISTEN": f"127.0.0.1:{port}" for name, port in metrics.items()} | env


# --- compose ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return found


@pytest.mark.parametrize("process", PROCESSES)
def test_compose_starts_what_script_server_starts(compose: dict[str, Any], process: str) -> None:
    python, *arguments = compose["services"][process]["command"]
    assert python == ".venv/bin/python"
    assert arguments == wanted(process, ports(compose["x-site"]["environment"]), "/run/livestream")


def test_every_service_is_bounded_watched_and_without_privileges(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name == "init":
            continue
        assert "mem_limit" in service, name
        assert service["restart"] == "unless-stopped", name
        assert name == "caddy" or service["healthcheck"]["test"], name
        assert "privileged" not in service and "ports" not in service, name
    for name in [*PROCESSES, "init"]:
        service = compose["services"][name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
    assert "\nUSER livestream\n" in (COMPOSE / "Dockerfile").read_text()


def test_no_secret_has_a_value_and_none_is_in_a_command(compose: dict[str, Any]) -> None:
    for file in (COMPOSE / "example.env", SYSTEMD / "example.env"):
        env = read_env(file)
        assert not any(env.get(name) for name in ("SECRET_KEY", "RTMP_HOOK_SECRET", "FIRST_ADMIN_TOKEN", "STORES_PASSWORD"))
    for service in compose["services"].values():
        assert "${" not in str(service.get("command"))


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
def test_docker_compose_understands_it(tmp_path: Path) -> None:
    for name in ("compose.yaml", "Caddyfile"):
        shutil.copy(COMPOSE / name, tmp_path)
    filled = re.sub(r"(?m)^(\w+)=$", rf"\1={SECRET}", (COMPOSE / "example.env").read_text())
    (tmp_path / ".env").write_text(filled)
    checked = composed(tmp_path)
    assert checked.returncode == 0, checked.stderr
    services = yaml.safe_load(checked.stdout)["services"]
    assert services["web"]["environment"]["DATABASE_URL"] == f"postgres://livestream:{SECRET}@127.0.0.1:5432/livestream"
    (tmp_path / ".env").write_text(filled.replace(f"STORES_PASSWORD={SECRET}", ""))
    assert "STORES_PASSWORD" in composed(tmp_path).stderr


def composed(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["docker-compose", "--file", "compose.yaml", "config"]
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True)


# --- systemd ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("process", PROCESSES)
def test_systemd_starts_what_script_server_starts(process: str) -> None:
    [start] = re.findall(r"^ExecStart=(.*)$", unit(process).read_text(), re.MULTILINE)
    python, *arguments = shlex.split(start)
    assert python == f"{INSTALLED}/.venv/bin/python"
    assert arguments == wanted(process, ports(read_env(SYSTEMD / "example.env")), f"/var/lib/livestream-{process}")


def unit(name: str) -> Path:
    return SYSTEMD / f"livestream-{name}.service"


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """As on a machine that has them, but for where the site lies and whom it runs as."""
    shutil.copytree(SYSTEMD, tmp_path, dirs_exist_ok=True)
    here = {f"{INSTALLED}/.venv/bin/python": sys.executable, INSTALLED: str(CHECKOUT), "livestream\nGroup=livestream": "daemon"}
    for file in [*tmp_path.glob("*.service"), *tmp_path.glob("*/*.conf")]:
        text = file.read_text()
        for before, after in here.items():
            text = text.replace(before, after)
        file.write_text(text)
    return sorted(str(file) for file in tmp_path.glob("livestream*.*") if file.is_file())


NO_SYSTEMD = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


@NO_SYSTEMD
def test_systemd_accepts_the_units(units: list[str]) -> None:
    assert len(units) == len(PROCESSES) + 2
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    ours = [line for line in checked.stderr.splitlines() if "livestream" in line]
    assert (checked.returncode, ours) == (0, [])


@NO_SYSTEMD
@pytest.mark.parametrize("process", [*PROCESSES, "init"])
def test_systemd_finds_little_that_a_unit_is_exposed_to(units: list[str], process: str) -> None:
    [file] = [each for each in units if each.endswith(f"livestream-{process}.service")]
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", file]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[-2000:]


# --- settings ---------------------------------------------------------------------------------------------------------------


def test_django_finds_nothing_to_say_of_production(tmp_path: Path) -> None:
    env = re.sub(
        r"(?m)^(\w+)=$",
        r"\1=an0ther-Example!that_is(long)enough+for*every$check-of-them%all",
        (SYSTEMD / "example.env").read_text(),
    )
    (tmp_path / "env").write_text(env + "LOG_FORMAT=json\n")
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    bare = {"PATH": os.environ["PATH"], "LIVESTREAM_ENV": str(tmp_path / "env")}
    checked = subprocess.run(command, cwd=CHECKOUT, env=bare, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_log_format_that_is_unknown_stops_the_start_with_its_name() -> None:
    bare = {"PATH": os.environ["PATH"], "LIVESTREAM_ENV": "deploy/example.env", "LOG_FORMAT": "xml"}
    checked = subprocess.run([sys.executable, "manage.py", "check"], cwd=CHECKOUT, env=bare, capture_output=True, text=True)
    assert "LOG_FORMAT=xml is unknown: choose text or json" in checked.stderr
