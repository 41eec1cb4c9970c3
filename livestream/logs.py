"""How log lines are written, and what must not be in them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re

from streams.logged import about

SECRETS = ("SECRET_KEY", "RTMP_HOOK_SECRET", "FIRST_ADMIN_TOKEN", "TURN_SECRET", "STORES_PASSWORD")  # variables
GONE = "…"
# What may be kept comes first, then what goes.
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(live_[0-9a-f]{8}_)[0-9a-f]{40}",  # a stream key, but for the part that is public
        r"(/internal/rtmp/)[^/\s]+",
        r"(/(?:first-administrator|mails-off|confirm-email|password/reset/key)/)[^/\s\"']+",
        r"(://[^/\s:@]*:)[^/\s@]+(?=@)",  # an address with its password
        r"((?:authorization|cookie)\\?[\"']?\s*[:=,]\s*b?)[^\r\n]+",
        r"(\b(?:bearer|basic|token)\s+)[\w.~+/=-]{8,}",
        r"(\b(?:sessionid|csrftoken|csrfmiddlewaretoken|password\d?|token|secret|credential)\\?[\"']?\s*[:=]\s*)[^\s&;,}\])]+",
    )
)


class Text(logging.Formatter):
    """For people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.secrets = [value for name in SECRETS if (value := os.environ.get(name))]

    def format(self, record: logging.LogRecord) -> str:
        return self.scrubbed(super().format(record))

    def scrubbed(self, text: str) -> str:
        """Also the traceback, which shows what was asked, and how."""
        for secret in self.secrets:
            text = text.replace(secret, GONE)
        for pattern in PATTERNS:
            text = pattern.sub(rf"\1{GONE}", text)
        return text


class Json(Text):
    """For machines: an object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
        fields = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.scrubbed(record.getMessage()),
            **about(),
        }
        if record.exc_info:
            fields["exception"] = self.scrubbed(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


FORMATTERS = {"text": "livestream.logs.Text", "json": "livestream.logs.Json"}
