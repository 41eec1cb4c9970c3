"""What must not be written to a log."""

import logging

from django.conf import settings


class Discreet(logging.Filter):
    """The RTMP server's hook has its secret in the path, and Django logs the path of what it refuses."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if settings.RTMP_HOOK_SECRET in message:
            record.msg, record.args = message.replace(settings.RTMP_HOOK_SECRET, "…"), ()
        return True
