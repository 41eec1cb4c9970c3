"""Renders the RTMP server's configuration with a fresh boot id, then becomes the RTMP server: `python -m deploy.local.rtmp`.

Publishers are known by boot id and client id, since nginx counts its clients from 1 again at each start.
"""

from __future__ import annotations

import resource
import secrets
import sys
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from deploy.local.instance import SetupError, surroundings, write_private
from deploy.local.program import become, make_folder, system_tool, unprivileged

TEMPLATE = Path(__file__).with_name("nginx.conf.in")
MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules", "/etc/nginx/modules")


def main() -> None:
    env = surroundings()
    folder = Path(sys.argv[1])
    user = unprivileged("www-data")
    work = make_folder(folder / "work", user)
    config = folder / "nginx.conf"
    write_private(config, render(env, work, boot=secrets.token_hex(8)), user)
    allow_files()
    become([system_tool("nginx"), "-e", "stderr", "-p", str(work), "-c", str(config)], user, env["RTMP_LISTEN"])


def allow_files() -> None:
    """As many as the system lets it have: each publisher, each encoder and each hook is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def render(env: dict[str, str], work: Path, boot: str) -> str:
    return Template(TEMPLATE.read_text()).substitute(
        work=work,
        module=rtmp_module(),
        listen=env["RTMP_LISTEN"],
        control=urlsplit(env["RTMP_CONTROL_URL"]).netloc,
        hook=f"http://{env['WEB_LISTEN']}/internal/rtmp/{env['RTMP_HOOK_SECRET']}/{boot}/",
    )


def rtmp_module() -> Path:
    for folder in MODULES:
        if (module := Path(folder) / "ngx_rtmp_module.so").exists():
            return module
    raise SetupError("nginx's RTMP module was not found: run script/bootstrap.")


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(str(error))
