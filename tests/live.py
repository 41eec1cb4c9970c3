"""The site that script/test has started: tests reach it by HTTP, RTMP and manage.py alone, with names of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Site:
    url: str
    rtmp_url: str
    control_url: str
    folder: Path
    env: dict[str, str]

    @classmethod
    def of(cls, env_file: Path) -> Site:
        env = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
        return cls(env["PUBLIC_URL"], env["RTMP_PUBLIC_URL"], env["RTMP_CONTROL_URL"], env_file.parent, env)

    def manage(self, *args: str, stdin: str | None = None) -> str:
        """What manage.py prints; a failure raises, with its words."""
        result = self.try_manage(*args, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def try_manage(self, *args: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(CHECKOUT / "manage.py"), *args],
            input=stdin or "",
            capture_output=True,
            text=True,
            env=self.environment | environment,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a command beside the running site is given: addresses of another site, too, may be in this process's own."""
        outer = {name: value for name, value in os.environ.items() if name not in self.env}
        return outer | {"LIVESTREAM_ENV": str(self.folder / "env")}
