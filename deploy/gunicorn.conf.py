"""gunicorn's settings for every pool (web, origin, chat); --bind and --workers come from whoever starts it."""

import ctypes
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from livestream.crew import Crew
from livestream.logs import FORMATTERS
from livestream.postgresql.base import keep

worker_class = "livestream.worker.Worker"
keepalive = 75  # longer than the edge keeps an idle connection, so that the edge is the one to close it
graceful_timeout = 3  # where the pool ends: blocked playlist requests come again
accesslog = None
errorlog = "-"
loglevel = "warning"
formatter = FORMATTERS[os.environ.get("LOG_FORMAT", "text")]
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {},
    "loggers": {
        "gunicorn.error": {"level": "WARNING", "handlers": ["stderr"], "propagate": False, "qualname": "gunicorn.error"}
    },
    "formatters": {"chosen": {"()": formatter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen"}},
}
worker_tmp_dir = "/dev/shm"
forwarded_allow_ips = "127.0.0.1"

PR_SET_PDEATHSIG = 1
MEMORY = Path("/dev/shm")


def on_starting(server: Any) -> None:
    """What the workers of this pool count lies in files that they share: any of them can tell the sum."""
    own = MEMORY / f"livestream-{os.geteuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{own} belongs to somebody else: remove it, then start again.")
    for left in own.iterdir():  # by one that was killed
        if not Path(f"/proc/{left.name}").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = own / str(os.getpid())
    folder.mkdir(exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    os.environ["POOL"] = server.proc_name
    server.crew = Crew()


def on_exit(server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def pre_fork(server: Any, worker: Any) -> None:
    worker.crew = server.crew
    server.crew.comes(worker.age)


def post_fork(server: Any, worker: Any) -> None:
    """Workers end with their master: one that outlived it would keep the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """The site is loaded by now, with its settings."""
    keep()


def child_exit(server: Any, worker: Any) -> None:
    """What a worker counted stays in the sum; what it had open is gone with it."""
    for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"gauge_live*_{worker.pid}.db"):
        file.unlink()
    server.crew.went(worker.age, in_order=not server.LISTENERS)
