"""Runs a whole site on one machine, stores and servers included, until Ctrl-C.

python -m deploy.local.stack FOLDER                everything, on free ports of 127.0.0.1
python -m deploy.local.stack FOLDER --public       everything, on EDGE_PORT (8000) and RTMP_PORT (1935) of every address
python -m deploy.local.stack FOLDER --stores       the stores and the RTMP server alone, left as they are
python -m deploy.local.stack FOLDER --run COMMAND  ends when the command ends, with its exit status
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.commands import SUCCESSOR
from deploy.local.instance import CHECKOUT, Instance, SetupError, make_env, write_private
from deploy.local.processes import Stopped, adopt_orphans, run_until_end, stop_on_signals, stop_orphans
from deploy.local.program import STORES, Program
from deploy.local.ready import Readiness
from deploy.local.services import all_services, nginx_rtmp
from deploy.local.stores import all_stores
from deploy.local.supervision import Supervisor, configuration

STOPPING_S = 5  # the one before, after a kill, a closed terminal


def main() -> int:
    options = parse(sys.argv[1:])
    instance = Instance(Path(options.folder).resolve(), public=options.public)
    os.umask(0o022)  # PostgreSQL, Varnish and nginx run as other users; what is private says so itself
    stop_on_signals()
    adopt_orphans()  # programs whose supervisord was killed
    try:
        return serve(instance, options)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped as stopped:
        return 0 if options.public else 128 + stopped.signal
    finally:
        stop_orphans()


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--stores", action="store_true")
    parser.add_argument("--run", nargs=argparse.REMAINDER, metavar="COMMAND", default=[])
    return parser.parse_args(arguments)


def serve(instance: Instance, options: argparse.Namespace) -> int:
    instance.make_folders()
    with instance.lock(within_s=STOPPING_S) as lock:
        env = make_env(instance, os.environ)
        write_private(instance.env_file, "".join(f"{name}={value}\n" for name, value in env.items()))
        programs = [*all_stores(instance, env, os.environ), nginx_rtmp(instance)]
        programs += [] if options.stores else all_services(instance, env)
        write_private(instance.supervisor_config, configuration(instance, env, programs))
        print(f"Starting; logs are in {instance.logs}.", file=sys.stderr)
        with Supervisor(instance, env, lock) as supervisor:
            notes = start(instance, env, supervisor, programs, initialize=not options.stores)
            if options.run:
                return run_until_end(options.run, os.environ | {"LIVESTREAM_ENV": str(instance.env_file)})
            say_where(env, notes)
            supervisor.wait()
    return 1


def start(instance: Instance, env: Mapping[str, str], supervisor: Supervisor, programs: list[Program], initialize: bool) -> str:
    names = [program.name for program in programs]
    readiness = Readiness(env, instance.logs, supervisor.crashes)
    supervisor.start(program for program in programs if program.group == STORES)
    readiness.wait_for_stores(make_database="postgres" in names)
    notes = manage(instance, "init") if initialize else ""
    supervisor.start(program for program in programs if program.group != STORES and program.name != SUCCESSOR)
    readiness.wait_for_services(names)
    return notes


def manage(instance: Instance, command: str) -> str:
    environment = os.environ | {"LIVESTREAM_ENV": str(instance.env_file)}
    result = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), command], env=environment, stdout=subprocess.PIPE, text=True
    )
    if result.returncode:
        raise SetupError(f"`manage.py {command}` failed; its words are above.")
    return result.stdout


def say_where(env: Mapping[str, str], notes: str) -> None:
    url = env["PUBLIC_URL"]
    print(
        f"""
Watch       {url}/
Sign up     {url}/accounts/signup/
Publish to  {env["RTMP_PUBLIC_URL"]}  (your stream key is on {url}/dashboard/)
{notes}
Ctrl-C stops everything.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
