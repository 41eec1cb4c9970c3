from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.models import Category, Channel, FormerName
from accounts.views import follow_context
from streams import directory, embed
from streams.forms import DirectoryForm
from streams.models import Broadcast

UPCOMING, PAST = 5, 12
EMBEDDED = (640, 360)
LATE = dt.timedelta(hours=1)  # so long after its time a broadcast is still announced


def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    form = DirectoryForm(request.GET)
    form.is_valid()  # what is not understood is said, and left out
    wanted = directory.Wanted(**{name: value for name, value in form.cleaned_data.items() if value})
    followed, page = directory.page(wanted, request.GET.get("page", 1), request.user, now)
    found = {"wanted": wanted, "page": page, "followed": followed}
    return render(request, "streams/home.html", {"form": form, "categories": Category.objects.all(), "now": now, **found})


def watch(request: HttpRequest, name: str) -> HttpResponse:
    if name != name.lower():
        return redirect("watch", name.lower(), permanent=True)
    channel = Channel.objects.select_related("category").filter(name=name).first()
    if channel is None:
        return redirect(get_object_or_404(FormerName, name=name, until__gt=timezone.now()).channel)
    context = {"channel": channel, **about(channel, timezone.now()), **follow_context(channel, request.user)}
    return render(request, "streams/watch.html", context | shared(request, context))


def about(channel: Channel, now: dt.datetime) -> dict[str, Any]:
    """What the channel does, will do and did."""
    past = channel.broadcasts.filter(state=Broadcast.State.ENDED, live_at__isnull=False)
    return {
        "broadcast": channel.broadcasts.filter(state__in=Broadcast.ON_AIR).first(),
        "upcoming": list(channel.schedule.filter(starts_at__gt=now - LATE)[:UPCOMING]),
        "past": list(past.select_related("category").order_by("-started_at")[:PAST]),
        "links": [link for link in channel.links if is_web(link.get("url", ""))],
    }


def is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def shared(request: HttpRequest, context: dict[str, Any]) -> dict[str, str]:
    """What other sites are given of the page."""
    channel = context["channel"]
    page_url = request.build_absolute_uri(channel.get_absolute_url())
    embed_url = request.build_absolute_uri(reverse("embed", args=[channel.name]))
    oembed_url = request.build_absolute_uri(f"{reverse('oembed')}?{urlencode({'url': page_url})}")
    found = {"page_url": page_url, "embed_url": embed_url, "oembed_url": oembed_url}
    found["embed_code"] = embed.code(embed_url, channel, *EMBEDDED)
    if image := picture(channel, context["broadcast"], context["past"]):
        found["image_url"] = request.build_absolute_uri(image)
    return found


def picture(channel: Channel, broadcast: Broadcast | None, past: list[Broadcast]) -> str | None:
    if broadcast:
        return f"/live/{channel.name}/thumbnail.jpg"
    poster = channel.poster or next((before.poster for before in past if before.poster), None)
    return poster.url if poster else None
