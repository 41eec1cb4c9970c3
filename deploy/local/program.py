"""What a supervised program is, and whom it runs as."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deploy.local.instance import SetupError

STORES, SERVICES = "stores", "services"


def bound(user: str | None = None, signal: str = "TERM") -> list[str]:
    """Puts a command under another user, and has the kernel end it when its parent is gone, however that went."""
    if user is None:
        return ["setpriv", "--pdeathsig", signal]
    return ["setpriv", "--pdeathsig", signal, "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--init-groups"]


def unprivileged(user: str) -> str | None:
    """The user to become: servers that refuse root, or parse what strangers send, run as one of Debian's own users."""
    return user if os.geteuid() == 0 else None


def system_tool(name: str) -> str:
    """Servers lie in /usr/sbin, which is not on every user's PATH."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise SetupError(f"`{name}` was not found: run script/bootstrap.")
    return found


def become(command: list[str]) -> NoReturn:
    os.execvp(command[0], command)


def hand_over(path: Path, user: str | None) -> None:
    if user:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    group: str = SERVICES
    user: str | None = None
    stop_signal: str = "TERM"
    stop_s: int = 6  # then it is killed
