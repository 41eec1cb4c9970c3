from __future__ import annotations

import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn import Config
from uvicorn import Server as UvicornServer
from uvicorn_worker import UvicornWorker

from livestream.crew import Crew

FAILED = 1  # gunicorn ends a whole pool at its own statuses for this


class Worker(UvicornWorker):
    """gunicorn's worker for all pools: Django knows no lifespan, and request lines hold what logs must not.

    Frames of a WebSocket are short, and the same for everybody: compressing them for each reader would cost more than all else.
    """

    crew: Crew  # from the master, before it forks
    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "off",
        "access_log": False,
        "ws": "livestream.sockets:Protocol",
        "ws_max_size": 24_000,  # an offer
        "ws_per_message_deflate": False,
    }

    def load_wsgi(self) -> None:
        """What cannot be loaded ends the pool, but not when it is reloaded: then the older workers serve on."""
        try:
            super().load_wsgi()
        except Exception:
            if not self.crew.serves:
                raise
            self.log.exception("this worker cannot start; the older ones serve on")
            sys.exit(FAILED)

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = Server(self.config, self.crew, self.age)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


class Server(UvicornServer):
    """gunicorn tells old workers to leave as soon as it has forked the new ones, long before those have loaded the site."""

    def __init__(self, config: Config, crew: Crew, age: int) -> None:
        super().__init__(config)
        self.crew, self.age = crew, age

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.crew.is_ready(self.age)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) and self.crew.may_leave(self.age)
