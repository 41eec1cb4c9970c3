"""The administration's front page: what is live, what waits for somebody, and a search over everything."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone

from accounts.models import Channel, ModAction, User
from interactions.models import HeldMessage, Report
from streams import moderation_views, wall
from streams.models import Broadcast, ChannelReport

LATEST = 12  # actions
FOUND = 10  # of each kind


class Administration(admin.AdminSite):
    index_template = "admin/front.html"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        ours = [
            path("wall/", self.admin_view(self.wall), name="wall"),
            path("search/", self.admin_view(self.search), name="search"),
            path("act/<slug:verb>/<slug:pk>/", self.admin_view(moderation_views.act), name="act"),
        ]
        return [*ours, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().index(request, front(request) | (extra_context or {}))

    def wall(self, request: HttpRequest) -> HttpResponse:
        """What the front page asks for again and again."""
        return render(request, "admin/wall.html", front(request))

    def search(self, request: HttpRequest) -> HttpResponse:
        words = request.GET.get("q", "").strip()
        context = self.each_context(request) | {"title": None, "q": words, "found": find(request.user, words)}
        return render(request, "admin/search.html", context)


def front(request: HttpRequest) -> dict[str, Any]:
    """As far as this one may see it."""
    user: Any = request.user
    return {
        "wall": wall.live() if user.has_perm("streams.view_broadcast") else None,
        "waiting": waiting(user),
        "latest": ModAction.objects.order_by("-at", "-pk")[:LATEST] if user.has_perm("accounts.view_modaction") else None,
        "now": timezone.now(),
    }


def waiting(user: Any) -> dict[str, int | None]:
    """How much of each kind; None for what is not this one's."""
    queues: dict[str, tuple[str, Any]] = {
        "channels": ("streams.view_channelreport", ChannelReport.objects.filter(state=ChannelReport.State.OPEN)),
        "messages": ("interactions.view_report", Report.objects.filter(state=Report.State.OPEN)),
        "held": ("interactions.view_heldmessage", HeldMessage.objects.filter(state=HeldMessage.State.WAITING)),
    }
    return {name: queue.count() if user.has_perm(permission) else None for name, (permission, queue) in queues.items()}


def find(user: Any, words: str) -> dict[str, Any]:
    """The first few of each kind that this one may see."""
    name = words.removeprefix("@")
    kinds: dict[str, tuple[str, Any]] = {
        "channels": (
            "accounts.view_channel",
            Channel.objects.filter(
                Q(name__icontains=name) | Q(title__icontains=words) | Q(former_names__name__icontains=name)
            ).distinct(),
        ),
        "users": (
            "accounts.view_user",
            User.objects.filter(Q(email__icontains=words) | Q(channel__name__icontains=name)).select_related("channel"),
        ),
        "broadcasts": (
            "streams.view_broadcast",
            Broadcast.objects.filter(
                Q(pk__startswith=words.lower()) | Q(title__icontains=words) | Q(channel__name__icontains=name)
            )
            .select_related("channel")
            .order_by("-started_at"),
        ),
    }
    return {kind: rows[:FOUND] for kind, (permission, rows) in kinds.items() if words and user.has_perm(permission)}
