from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from accounts.models import Channel
from accounts.views import follow_context
from streams.models import Broadcast

ON_AIR = (Broadcast.State.LIVE, Broadcast.State.RECONNECTING)


def home(request: HttpRequest) -> HttpResponse:
    broadcasts = Broadcast.objects.filter(state__in=ON_AIR).select_related("channel").order_by("-started_at")
    return render(request, "streams/home.html", {"broadcasts": broadcasts})


def watch(request: HttpRequest, name: str) -> HttpResponse:
    if name != name.lower():
        return redirect("watch", name.lower(), permanent=True)
    channel = get_object_or_404(Channel, name=name)
    return render(request, "streams/watch.html", {"channel": channel, **follow_context(channel, request.user)})


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; no store is asked."""
    return HttpResponse("ok", content_type="text/plain")
