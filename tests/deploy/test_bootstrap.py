from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.local.instance import CHECKOUT

SCRIPTS = sorted((CHECKOUT / "script").iterdir())


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_explains_itself(script: Path) -> None:
    result = run(script, "--help")
    assert result.returncode == 0
    assert result.stdout.strip()
    assert not result.stderr


def test_an_unknown_option_is_refused() -> None:
    assert run(CHECKOUT / "script/bootstrap", "--tset").returncode == 2
    assert run(CHECKOUT / "script/server", "--port=1").returncode == 2


def test_a_second_run_installs_nothing() -> None:
    result = run(CHECKOUT / "script/bootstrap", "--test")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_elsewhere_than_on_debian_it_names_what_is_missing(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name not in ("ffmpeg", "apt-get"):
            (programs / program.name).symlink_to(program)
    (tmp_path / "script").mkdir()
    shutil.copy(CHECKOUT / "script/bootstrap", tmp_path / "script")
    result = run(tmp_path / "script/bootstrap", PATH=str(programs))
    assert result.returncode == 1
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith("Missing here: ")
    assert "ffmpeg" in sentence
    assert "README" in sentence
