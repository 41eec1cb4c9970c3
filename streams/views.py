from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; no store is asked."""
    return HttpResponse("ok", content_type="text/plain")
