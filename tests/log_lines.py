"""What is logged, as it leaves the process."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from livestream import logs
from streams.logged import apart


class Written:
    """A logger of its own, and what came of it."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.out = io.StringIO()
        self.handler = logging.StreamHandler(self.out)
        self.handler.setFormatter(formatter)
        self.log = logging.Logger("test")
        self.log.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self.out.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


@contextmanager
def json_of(name: str) -> Iterator[Written]:
    """What is written in the name of a logger, as for machines; nothing is noted before."""
    written, logger = Written(logs.Json()), logging.getLogger(name)
    logger.addHandler(written.handler)
    try:
        with apart():
            yield written
    finally:
        logger.removeHandler(written.handler)
