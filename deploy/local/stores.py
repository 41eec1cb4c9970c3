"""The embedded stores: their files, and the command line of each. A store that the caller names by its URL has none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.instance import CHECKOUT, Instance, SetupError, write_private
from deploy.local.program import STORES, Program, bound, make_folder, unprivileged

DEVMONGO = CHECKOUT / "var/tools/devmongo"


def all_stores(instance: Instance, env: Mapping[str, str], given: Mapping[str, str]) -> list[Program]:
    makers = {
        "DATABASE_URL": postgres,
        "SEGMENTS_REDIS_URL": segments_redis,
        "CONTROL_REDIS_URL": control_redis,
        "MONGODB_URI": mongo,
    }
    return [make(instance, env[name]) for name, make in makers.items() if name not in given]


def postgres(instance: Instance, url: str) -> Program:
    data = instance.data / "postgres"
    if not (data / "PG_VERSION").exists():
        init_postgres(data, urlsplit(url).password or "")
    options = {
        "listen_addresses": "127.0.0.1",
        "port": urlsplit(url).port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "64MB",
        "jit": "off",
        "log_min_messages": "warning",
        # Tests need not survive a power cut.
        "fsync": "on" if instance.public else "off",
        "synchronous_commit": "on" if instance.public else "off",
    }
    command = [postgres_tool("postgres"), "-D", str(data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return Program("postgres", command, group=STORES, user=unprivileged("postgres"), stop_signal="INT", stop_s=30)


def postgres_tool(name: str) -> str:
    """Debian keeps one folder per version, outside PATH; the newest is taken."""
    installed = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    found = str(newest) if newest else shutil.which(name)
    if found is None:
        raise SetupError(f"PostgreSQL's `{name}` was not found: run script/bootstrap, or set DATABASE_URL.")
    return found


def init_postgres(data: Path, password: str) -> None:
    """Made beside its place and then renamed, so that an interrupted start leaves nothing half done."""
    new = data.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    user = unprivileged("postgres")
    make_folder(new, user)
    password_file = new.with_name("postgres.password")
    write_private(password_file, password, user)
    command = [postgres_tool("initdb"), "-D", str(new), "-U", "livestream", "--pwfile", str(password_file)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    result = subprocess.run([*bound(user), *command], capture_output=True, text=True, cwd="/")
    password_file.unlink()
    if result.returncode:
        raise SetupError(f"PostgreSQL's initdb failed: {result.stderr.strip()}")
    new.rename(data)


def segments_redis(instance: Instance, url: str) -> Program:
    return redis(instance, "redis-segments", url, "save ''\nmaxmemory 1gb\nmaxmemory-policy volatile-ttl\n")


def control_redis(instance: Instance, url: str) -> Program:
    return redis(instance, "redis-control", url, "save ''\nappendonly yes\nmaxmemory 512mb\nmaxmemory-policy noeviction\n")


def redis(instance: Instance, name: str, url: str, policy: str) -> Program:
    data = instance.data / name
    data.mkdir(mode=0o700, exist_ok=True)
    server = shutil.which("redis-server")
    if server is None:
        raise SetupError("redis-server was not found: run script/bootstrap, or set SEGMENTS_REDIS_URL and CONTROL_REDIS_URL.")
    address = urlsplit(url)
    config = f'bind 127.0.0.1\nport {address.port}\nrequirepass {address.password}\ndir "{data}"\n{policy}'
    write_private(data / "redis.conf", config)
    return Program(name, [server, str(data / "redis.conf")], group=STORES)


def mongo(instance: Instance, url: str) -> Program:
    """Each engine has a folder of its own: neither can read the other's files."""
    port = urlsplit(url).port
    if mongod := shutil.which("mongod"):
        data = instance.data / "mongod"
        data.mkdir(mode=0o700, exist_ok=True)
        command = [mongod, "--dbpath", str(data), "--bind_ip", "127.0.0.1", "--port", str(port), "--quiet"]
    elif DEVMONGO.exists():
        command = [str(DEVMONGO), "-data", str(instance.data / "devmongo"), "-listen", f"127.0.0.1:{port}"]
        command += [] if instance.public else ["-fast"]
    else:
        raise SetupError("No MongoDB was found: run script/bootstrap, or set MONGODB_URI.")
    return Program("mongo", command, group=STORES)
