"""What a supervised program is, and whom it runs as."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deploy.local.instance import FIRST_UNPRIVILEGED_PORT, SetupError

STORES, SERVICES = "stores", "services"


def bound(user: str | None = None, signal: str = "TERM", port: int | None = None) -> list[str]:
    """Puts a command under another user, and has the kernel end it when its parent is gone, however that went.

    PORT: what the command will listen on; the low ones take a privilege, which it keeps.
    """
    setpriv = ["setpriv", "--pdeathsig", signal]
    if user:
        setpriv += ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--init-groups"]
        if port and port < FIRST_UNPRIVILEGED_PORT:
            setpriv += ["--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service"]
    return setpriv


def unprivileged(user: str) -> str | None:
    """The user to become: servers that refuse root, or parse what strangers send, run as one of Debian's own users."""
    return user if os.geteuid() == 0 else None


def system_tool(name: str) -> str:
    """Servers lie in /usr/sbin, which is not on every user's PATH."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise SetupError(f"`{name}` was not found: run script/bootstrap.")
    return found


def become(command: list[str], user: str | None, listen: str) -> NoReturn:
    port = int(listen.rpartition(":")[2])
    argv = [*bound(user, port=port), *command]
    os.execvp(argv[0], argv)


def make_folder(path: Path, user: str | None) -> Path:
    """For USER alone, in a folder that is not theirs."""
    if not path.exists():
        path.mkdir(mode=0o700)
        if user:
            shutil.chown(path, user)
    return path


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    group: str = SERVICES
    user: str | None = None
    stop_signal: str = "TERM"
    stop_s: int = 6  # then it is killed
