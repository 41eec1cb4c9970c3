"""Django behind ASGI: so many requests are at work at a time, each with a connection to PostgreSQL."""

from __future__ import annotations

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from livestream import problems
from streams.turns import NoTurn, Turns

AT_A_TIME = 16  # in each process
TURN_S = 5.0
PROBES = ("/healthz", "/readyz")  # an orchestrator ends what does not answer
METRICS = "/internal/metrics"


class Pages(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._turns = Turns(AT_A_TIME, TURN_S)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Called when the whole body has come: whoever sends slowly holds no turn."""
        if request.path.startswith(METRICS) or request.path in PROBES:
            return await super().get_response_async(request)
        try:
            async with self._turns.turn():
                return await super().get_response_async(request)
        except NoTurn:
            return problems.busy(request)
