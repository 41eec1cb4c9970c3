"""Django behind ASGI: so many requests are at work at a time, each with a connection to PostgreSQL."""

from __future__ import annotations

import asyncio

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from livestream import problems

AT_A_TIME = 16  # in each process
TURN_S = 5.0
INTERNAL = "/internal/"  # publishers have turns of their own
PROBES = ("/healthz", "/readyz")  # an orchestrator ends what does not answer


class Pages(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Called when the whole body has come: whoever sends slowly holds no turn."""
        if request.path.startswith(INTERNAL) or request.path in PROBES:
            return await super().get_response_async(request)
        try:
            async with asyncio.timeout(TURN_S) as waiting, self._turns:
                waiting.reschedule(None)
                return await super().get_response_async(request)
        except TimeoutError:
            return problems.busy(request)
