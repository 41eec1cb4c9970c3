from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from deploy.local.instance import (
    Instance,
    SetupError,
    free_ports,
    is_free,
    make_env,
    open_to_all,
    public_port,
    read_env,
    write_private,
)


def kept(instance: Instance, env: dict[str, str]) -> None:
    instance.make_folders()
    write_private(instance.env_file, "".join(f"{name}={value}\n" for name, value in env.items()))


def test_secrets_outlive_a_restart_and_addresses_do_not(instance: Instance) -> None:
    first = make_env(instance, {})
    kept(instance, first)
    second = make_env(instance, {})
    for name in ("SECRET_KEY", "RTMP_HOOK_SECRET", "FIRST_ADMIN_TOKEN", "STORES_PASSWORD"):
        assert len(first[name]) >= 32
        assert second[name] == first[name]
    assert second["DATABASE_URL"] != first["DATABASE_URL"]


def test_every_address_has_a_port_of_its_own(instance: Instance) -> None:
    ports = re.findall(r"127\.0\.0\.1:(\d+)", " ".join(make_env(instance, {}).values()))
    assert len(ports) == 16
    assert len(set(ports)) == 15  # the RTMP server's is named twice


def test_two_instances_share_no_secret(instance: Instance, tmp_path: Path) -> None:
    other = make_env(Instance(tmp_path / "bob", public=False), {})
    assert make_env(instance, {})["SECRET_KEY"] != other["SECRET_KEY"]


def test_the_caller_s_environment_wins(instance: Instance) -> None:
    env = make_env(instance, {"DATABASE_URL": "postgres://db.example/livestream", "HOME": "/home/alice"})
    assert env["DATABASE_URL"] == "postgres://db.example/livestream"
    assert "HOME" not in env


def test_a_public_address_decides_hosts_and_rtmp_address(instance: Instance) -> None:
    env = make_env(instance, {"PUBLIC_URL": "https://live.example"})
    assert env["ALLOWED_HOSTS"] == "localhost,127.0.0.1,live.example"
    assert env["RTMP_PUBLIC_URL"].startswith("rtmp://live.example:")


def test_a_public_url_without_a_host_is_refused(instance: Instance) -> None:
    with pytest.raises(SetupError, match="PUBLIC_URL=live.example is no address"):
        make_env(instance, {"PUBLIC_URL": "live.example"})


def test_the_env_file_is_for_its_owner_alone(instance: Instance) -> None:
    kept(instance, {"SECRET_KEY": "s"})
    kept(instance, {"SECRET_KEY": "t"})
    assert instance.env_file.stat().st_mode & 0o777 == 0o600
    assert read_env(instance.env_file) == {"SECRET_KEY": "t"}


def test_it_runs_once(instance: Instance) -> None:
    instance.make_folders()
    with instance.lock(), pytest.raises(SetupError, match="already running"):
        instance.lock()
    instance.lock().close()


def test_a_busy_port_is_named_with_the_variable_that_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("EDGE_PORT", str(port))
        with pytest.raises(SetupError, match=rf"Port {port} is busy.*EDGE_PORT="):
            public_port("EDGE_PORT", 8000)


@pytest.mark.parametrize("text", ["", "0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("RTMP_PORT", text)
    with pytest.raises(SetupError, match="is no port"):
        public_port("RTMP_PORT", 1935)


def test_a_free_port_is_free_and_none_that_connections_are_given() -> None:
    port = next(free_ports())
    assert is_free("127.0.0.1", port)
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert port < first_outgoing


def test_a_folder_below_a_closed_one_is_closed(tmp_path: Path) -> None:
    inner = tmp_path / "home" / "site"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert not open_to_all(inner)


def test_data_moves_where_other_users_may_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert Instance(tmp_path / "alice", public=False).data.parent == Path("/var/tmp")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert Instance(tmp_path / "alice", public=False).data == tmp_path / "alice" / "data"
