"""The player in other sites' pages, and how they learn of it (https://oembed.com)."""

from __future__ import annotations

from urllib.parse import urlsplit

from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from accounts.models import Channel

LARGEST = (1280, 720)
THUMBNAIL = (320, 180)


@csp_replace({"frame-ancestors": ["*"]})  # type: ignore[arg-type]  # it knows no views with arguments
@xframe_options_exempt
@require_safe
def embed(request: HttpRequest, name: str) -> HttpResponse:
    channel = get_object_or_404(Channel, name=name)
    page_url = request.build_absolute_uri(channel.get_absolute_url())
    return render(request, "streams/embed.html", {"channel": channel, "page_url": page_url})


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    if request.GET.get("format", "json") != "json":
        return refusal(_("Only JSON is answered here: leave format away."), 501)
    try:
        width, height = fit(request.GET.get("maxwidth", ""), request.GET.get("maxheight", ""))
        name = channel_name(request, request.GET.get("url", ""))
    except ValueError as error:
        return refusal(str(error), 400)
    channel = Channel.objects.filter(name=name).first()
    if channel is None:
        return refusal(_("There is no such channel."), 404)
    return JsonResponse(card(request, channel, width, height))


def refusal(words: str, status: int) -> HttpResponse:
    return JsonResponse({"error": words}, status=status)


def fit(width: str, height: str) -> tuple[int, int]:
    """The largest picture of 16:9 that both allow."""
    if not all(given.isascii() and given.isdigit() and 0 < len(given) < 6 for given in (width, height) if given):
        raise ValueError(_("maxwidth and maxheight are numbers of pixels."))
    most = min(LARGEST[0], int(width or LARGEST[0]), int(height or LARGEST[1]) * 16 // 9)
    return most, most * 9 // 16


def channel_name(request: HttpRequest, url: str) -> str:
    """Of the channel that is watched there."""
    try:
        parts = urlsplit(url)
        ours = parts.scheme in ("http", "https") and parts.netloc in (request.get_host(), urlsplit(settings.PUBLIC_URL).netloc)
        match = resolve(parts.path) if ours else None
    except (ValueError, Resolver404):
        match = None
    if match is None or match.url_name not in ("watch", "embed"):
        raise ValueError(_("url must be the address of a channel's page on this site."))
    return str(match.kwargs["name"]).lower()


def code(address: str, channel: Channel, width: int, height: int) -> str:
    """What shows the player in another page."""
    frame = {"url": address, "width": width, "height": height, "channel": channel}
    return render_to_string("streams/embed_code.html", frame).strip()


def card(request: HttpRequest, channel: Channel, width: int, height: int) -> dict[str, object]:
    address = request.build_absolute_uri(reverse("embed", args=[channel.name]))
    return {
        "version": "1.0",
        "type": "video",
        "title": channel.title or channel.name,
        "author_name": channel.name,
        "author_url": request.build_absolute_uri(channel.get_absolute_url()),
        "provider_name": settings.SITE_NAME,
        "provider_url": request.build_absolute_uri("/"),
        "thumbnail_url": request.build_absolute_uri(f"/live/{channel.name}/thumbnail.jpg"),
        "thumbnail_width": THUMBNAIL[0],
        "thumbnail_height": THUMBNAIL[1],
        "width": width,
        "height": height,
        "html": code(address, channel, width, height),
        "cache_age": 300,
    }
