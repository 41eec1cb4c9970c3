"""gunicorn's settings for every pool (web, origin, chat); --bind and --workers come from whoever starts it."""

import ctypes
import signal
from typing import Any

worker_class = "livestream.worker.Worker"
keepalive = 75  # longer than the edge keeps an idle connection, so that the edge is the one to close it
graceful_timeout = 3  # blocked playlist requests come again
accesslog = None
errorlog = "-"
loglevel = "warning"
worker_tmp_dir = "/dev/shm"
forwarded_allow_ips = "127.0.0.1"

PR_SET_PDEATHSIG = 1


def post_fork(server: Any, worker: Any) -> None:
    """Workers end with their master: one that outlived it would keep the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
