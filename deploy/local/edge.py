"""Renders the edge's rules, then becomes Varnish: `python -m deploy.local.edge FOLDER [--metrics HOST:PORT]`."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from deploy.local.instance import SetupError, surroundings
from deploy.local.program import become, make_folder, system_tool, unprivileged

TEMPLATE = Path(__file__).with_name("edge.vcl.in")
STORAGE = "malloc,128m"
# When a part is there, all who wait for it are answered at once. More threads than this only get in each other's way; a request
# that is held for an encoder keeps two of them.
THREADS_PER_CORE = 250
# Chat's sockets keep a thread each, which sleeps. Where there are to be more, what ends TLS sends /ws/ to chat itself.
SOCKETS_PER_CORE = 200
CORES = os.cpu_count() or 1
# What Varnish would note about each request in its log: nobody reads it, and it costs a seventh of the edge's time.
UNREAD = (
    "-ReqStart,-ReqMethod,-ReqURL,-ReqProtocol,-ReqHeader,-ReqUnset,-ReqAcct,-RespProtocol,-RespStatus,-RespReason,-RespHeader,"
    "-RespUnset,-BereqHeader,-BereqAcct,-BerespHeader,-ObjHeader,-Timestamp,-VCL_call,-VCL_return,-Begin,-End,-Link,-Hit,-Length,"
    "-Filters,-Storage,-SessOpen,-SessClose"
)
PARAMETERS = {
    "thread_pools": "1",
    "thread_pool_max": str((THREADS_PER_CORE + SOCKETS_PER_CORE) * CORES),
    "pipe_sess_max": str(SOCKETS_PER_CORE * CORES),
    "rush_exponent": "2",  # so many are woken by each that has been answered: more would have all threads awake at once
    "thread_queue_limit": "10000",
    "vsl_mask": UNREAD,
    "vsl_space": "16m",
    # Players come back every few seconds. It is also how long a request's head may take, whatever pace it comes at.
    "timeout_idle": "12",
    "http_req_size": "16k",
    # Who does not read is closed: what is sent to a player is no longer worth anything by then.
    "idle_send_timeout": "12",
    "send_timeout": "12",
    "default_ttl": "0",  # what says nothing of caching is not cached
}


class Rules(Template):
    delimiter = "@"


def main() -> None:
    env, options = surroundings(), parse(sys.argv[1:])
    user = unprivileged("vcache")
    work = make_folder(options.folder / "work", user)
    rules = options.folder / "edge.vcl"
    rules.write_text(render(env))
    command = [system_tool("varnishd"), "-F", "-n", str(work), "-f", str(rules)]
    command += ["-a", env["EDGE_LISTEN"], "-T", "none", "-s", STORAGE]
    if "EDGE_PROXY_LISTEN" in env:  # what ends TLS tells by the PROXY protocol where a request comes from
        command += ["-a", f"{env['EDGE_PROXY_LISTEN']},PROXY"]
    for name, value in PARAMETERS.items():
        command += ["-p", f"{name}={value}"]
    if options.metrics:
        subprocess.Popen([sys.executable, "-m", "deploy.local.edge_metrics", str(work), options.metrics])
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # its many threads do not interrupt each other
    become(command, user, env["EDGE_LISTEN"])


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--metrics", metavar="HOST:PORT", help="where Prometheus is told what Varnish counts")
    return parser.parse_args(arguments)


def render(env: Mapping[str, str]) -> str:
    pools = {}
    for pool in ("web", "origin", "chat"):
        pools[f"{pool}_host"], pools[f"{pool}_port"] = env[f"{pool.upper()}_LISTEN"].split(":")
    return Rules(TEMPLATE.read_text()).substitute(
        pools,
        scheme=urlsplit(env["PUBLIC_URL"]).scheme,
        hosts="|".join(host_pattern(host) for host in env["ALLOWED_HOSTS"].split(",")),
    )


def host_pattern(host: str) -> str:
    """Django's ALLOWED_HOSTS: `*` is any, `.example.org` includes what is below it."""
    if host == "*":
        return ".*"
    if host.startswith("."):
        return r"(.+\.)?" + re.escape(host[1:])
    return re.escape(host)


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(str(error))
