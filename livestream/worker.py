from typing import Any

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    """gunicorn's worker for all pools: Django knows no lifespan, and request lines hold what logs must not.

    Frames of a WebSocket are short, and the same for everybody: compressing them for each reader would cost more than all else.
    """

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "off",
        "access_log": False,
        "ws": "livestream.sockets:Protocol",
        "ws_max_size": 24_000,  # an offer
        "ws_per_message_deflate": False,
    }
