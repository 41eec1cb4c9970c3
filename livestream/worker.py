from typing import Any

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    """gunicorn's worker for all pools: Django knows no lifespan, and request lines hold what logs must not."""

    CONFIG_KWARGS: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "lifespan": "off", "access_log": False}
