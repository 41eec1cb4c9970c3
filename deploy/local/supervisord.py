"""supervisord, which a full disk does not end: `python -m deploy.local.supervisord -c FILE`."""

from __future__ import annotations

from supervisor import loggers, supervisord


def leave_out(handler: loggers.Handler) -> None:
    """What cannot be logged: its own words about that would go to standard error, a file on the same disk, and be the end."""


if __name__ == "__main__":
    loggers.Handler.handleError = leave_out
    supervisord.main()
