"""Breaks one mechanism at a time, in a copy of the checkout, and shows that its test then fails:

python -m tests.faults.mutations [NAME …]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.instance import CHECKOUT, Instance

LINKED = (".venv", "node_modules", "var/tools", "static/vendor")
LEFT_OUT = (".git", "var", ".venv", "node_modules", "vendor", "__pycache__", ".mypy_cache", ".ruff_cache")
RUN_S = 300
SITE = "var/mutated"
FAILED = 1  # pytest's status where tests have failed
WORKERS = "tests/faults/test_workers.py"
PUBLISHERS = "tests/faults/test_publishers.py"
ROLLING = "tests/faults/test_rolling.py"
POOLS = "tests/livestream/test_worker.py"
OWN_SITE = (WORKERS, ROLLING, POOLS)


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    text: str
    instead: str
    test: str


MUTATIONS = [
    Mutation(
        "no fence",
        "streams/cache_scripts.py",
        "if epoch and tonumber(epoch) > tonumber(ARGV[1]) then return 'FENCED' end",
        "",
        f"{WORKERS}::test_what_a_worker_writes_that_was_paused_is_refused",
    ),
    Mutation(
        "no death signal",
        "streams/child.py",
        '*("setpriv", "--pdeathsig", "KILL", *argv)',
        "*argv",
        f"{WORKERS}::test_encoders_that_wait_for_a_frame_die_with_their_worker",
    ),
    Mutation(
        "no client id check",
        "streams/broadcasts.py",
        "Broadcast.objects.filter(session=session, state__in=Broadcast.OPEN)",
        "Broadcast.objects.filter(state__in=Broadcast.OPEN)",
        f"{PUBLISHERS}::test_hooks_that_are_repeated_in_any_order_change_nothing",
    ),
    Mutation(
        "no grace",
        "streams/broadcasts.py",
        "if not broadcast.channel.reconnect_s:",
        "if broadcast.channel:",
        f"{WORKERS}::test_a_killed_rtmp_server_costs_a_reconnect_and_no_more",
    ),
    Mutation(
        "no reconciler",
        "streams/reconcile.py",
        "    for broadcast_id, rendition, failures in leases.overdue():\n",
        "    for broadcast_id, rendition, failures in leases.overdue()[:0]:\n",
        f"{WORKERS}::test_a_worker_that_is_killed_has_a_successor",
    ),
    Mutation(
        "no waiting for successors",
        "livestream/worker.py",
        " and self.crew.may_leave(self.age)",
        "",
        f"{POOLS}::test_an_old_worker_serves_until_the_new_one_has_loaded_and_ends_what_it_holds",
    ),
    Mutation(
        "nobody stands in",
        "deploy/local/restart.py",
        "with self.standing_in():",
        "if True:",
        f"{ROLLING}::test_a_rolling_restart_stops_no_picture_and_loses_no_word",
    ),
]


def copy(folder: Path) -> Path:
    checkout = folder / "checkout"
    shutil.copytree(CHECKOUT, checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in LINKED:
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).symlink_to((CHECKOUT / name).resolve())
    return checkout


def mutate(checkout: Path, mutation: Mutation) -> None:
    file = checkout / mutation.file
    text = file.read_text()
    assert text.count(mutation.text) == 1, f"{mutation.name}: {mutation.file} has changed"
    file.write_text(text.replace(mutation.text, mutation.instead))


def is_noticed(checkout: Path, mutation: Mutation) -> bool:
    """Whether the test fails, as it should."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", "-p", "no:rerunfailures", mutation.test]
    own = mutation.test.startswith(OWN_SITE)  # it starts its site, or what it needs of one, by itself
    command = pytest if own else [sys.executable, "-m", "deploy.local.stack", SITE, "--run", *pytest]
    environment = os.environ | {"LIVESTREAM_ENV": "deploy/example.env"} if own else dict(os.environ)
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=RUN_S)
    print(*(line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAILED", "ERROR"))), sep="\n")
    return done.returncode == FAILED and "FAILED" in done.stdout


def main(names: list[str]) -> int:
    missed = []
    for mutation in MUTATIONS:
        if names and mutation.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            checkout = copy(Path(folder))
            mutate(checkout, mutation)
            try:
                noticed = is_noticed(checkout, mutation)
            finally:
                shutil.rmtree(Instance(checkout / SITE, public=False).data, ignore_errors=True)
        print(f"{mutation.name}: {'noticed' if noticed else 'NOT NOTICED'}", flush=True)
        if not noticed:
            missed.append(mutation.name)
    return len(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
