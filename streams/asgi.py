"""What those who answer ahead of Django have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def body(receive: Receive, longest: int) -> bytes:
    """No more of it than it may have, and a little: whoever reads it sees that it is too long."""
    found, more = b"", True
    while more and len(found) <= longest:
        message = await receive()
        found, more = found + message.get("body", b""), message.get("more_body", False)
    return found
