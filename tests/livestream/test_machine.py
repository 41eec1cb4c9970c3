from __future__ import annotations

import os
from pathlib import Path

import pytest

from livestream import machine

MEMINFO = "MemTotal:       16384000 kB\nMemFree:         1024000 kB\n"


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text(MEMINFO)
    return path


def test_without_limits_all_of_the_machine_counts(tmp_path: Path, meminfo: Path) -> None:
    assert machine.cores(tmp_path) == len(os.sched_getaffinity(0))
    assert machine.memory_mb(tmp_path, meminfo) == 16_000


def test_a_container_has_what_it_was_given(tmp_path: Path, meminfo: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text(f"{512 * 2**20}\n")
    assert (machine.cores(tmp_path), machine.memory_mb(tmp_path, meminfo)) == (0.5, 512)


def test_limits_above_what_there_is_and_none_at_all_change_nothing(tmp_path: Path, meminfo: Path) -> None:
    for quota, limit in (("max 100000", "max"), ("100000000 100000", str(2**50))):
        (tmp_path / "cpu.max").write_text(quota)
        (tmp_path / "memory.max").write_text(limit)
        assert machine.cores(tmp_path) == len(os.sched_getaffinity(0))
        assert machine.memory_mb(tmp_path, meminfo) == 16_000


def test_this_machine_has_something() -> None:
    assert machine.cores() > 0 and machine.memory_mb() > 100


@pytest.mark.parametrize(("cores", "memory_mb", "slots"), [(2, 16_000, 20), (16, 64_000, 160), (8, 2_000, 20), (0.1, 200, 3)])
def test_encoders_are_as_many_as_cores_and_memory_carry(cores: float, memory_mb: float, slots: int) -> None:
    assert machine.encoder_slots(cores, memory_mb) == slots


@pytest.mark.parametrize(("cores", "memory_mb", "peers"), [(2, 16_000, 200), (4, 1_600, 100), (0.5, 400, 100)])
def test_peers_of_all_chat_processes_have_a_quarter_of_the_memory(cores: float, memory_mb: float, peers: int) -> None:
    assert machine.chat_peers(cores, memory_mb) == peers
