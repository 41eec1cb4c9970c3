"""The streamer's own pages: live state, stream keys."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from pymongo.errors import PyMongoError

from accounts.forms import StreamForm
from accounts.models import Channel
from accounts.requests import SignedInRequest
from streams.documents import StreamKey
from streams.forms import KeyForm
from streams.models import Broadcast, Refusal
from streams.reasons import REASONS, Reason

logger = logging.getLogger(__name__)


class LiveState(NamedTuple):
    broadcast: Broadcast | None  # the one that is open, else the last one
    refusal: Refusal | None  # of an attempt since then

    @classmethod
    def of(cls, channel: Channel) -> LiveState:
        broadcast = channel.broadcasts.order_by("-started_at").first()
        refusal = Refusal.objects.filter(channel=channel).first()
        if broadcast and refusal and refusal.at < (broadcast.ended_at or broadcast.started_at):
            refusal = None
        return cls(broadcast, refusal)

    @property
    def version(self) -> str:
        """Differs whenever the page would say something else."""
        shown: list[object] = [self.refusal and (self.refusal.at, self.refusal.reason)]
        if self.broadcast:
            shown += [self.broadcast.pk, self.broadcast.state, self.broadcast.end_reason, self.broadcast.advice]
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    @property
    def refused(self) -> Reason | None:
        return REASONS.get(self.refusal.reason) if self.refusal else None

    @property
    def ended(self) -> Reason | None:
        return REASONS.get(self.broadcast.end_reason) if self.broadcast else None

    @property
    def advice(self) -> list[Reason]:
        return [REASONS[code] for code in self.broadcast.advice if code in REASONS] if self.broadcast else []


class KeyRow(NamedTuple):
    key: StreamKey
    state: str
    is_live: bool


def streamer_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Lets in who has a channel, and hands it to the view."""

    @login_required
    def with_channel(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hasattr(request.user, "channel"):
            return redirect("channel")
        return view(request, request.user.channel, *args, **kwargs)

    @functools.wraps(view)
    def wrapper(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_fragment(request) and not request.user.is_authenticated:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})  # the whole page goes to the login, not a part
        return with_channel(request, *args, **kwargs)

    return wrapper


def is_fragment(request: SignedInRequest) -> bool:
    return "HX-Request" in request.headers


@streamer_required
def dashboard(request: SignedInRequest, channel: Channel) -> HttpResponse:
    return render_keys(request, channel, timezone.now())


@streamer_required
def live(request: SignedInRequest, channel: Channel) -> HttpResponse:
    """What the dashboard asks again and again: 204 while nothing has changed, so that nothing is read out twice."""
    state = LiveState.of(channel)
    if request.GET.get("seen") == state.version:
        return HttpResponse(status=204)
    return render(request, "dashboard/live.html", {"channel": channel, "live": state})


@streamer_required
@require_POST
def create_key(request: SignedInRequest, channel: Channel) -> HttpResponse:
    """Answers with the new key itself, the only time it is shown: a redirect would have to keep it somewhere."""
    now = timezone.now()
    form = KeyForm(request.POST)
    if not form.is_valid():
        return render_keys(request, channel, now, form=form, status=200 if is_fragment(request) else 400)
    try:
        _, text = StreamKey.issue(channel.pk, now, form.cleaned_data["label"], form.expires_at(now))
    except PyMongoError:
        logger.exception("no key was issued for channel %s", channel)
        return render_keys(request, channel, now, form=form, failed="The key was not made: the key store did not answer.")
    return render_keys(request, channel, now, fresh=FreshKey(text))


@streamer_required
@require_POST
def revoke_key(request: SignedInRequest, channel: Channel, public_id: str) -> HttpResponse:
    now = timezone.now()
    try:
        key = next((key for key in StreamKey.of_channel(channel.pk) if key.public_id == public_id), None)
        if key is None:
            raise Http404
        if not key.revoked_at:
            key.revoke(now)
    except PyMongoError:
        logger.exception("key %s of channel %s was not revoked", public_id, channel)
        return render_keys(request, channel, now, failed="The key was not revoked: the key store did not answer.")
    return render_keys(request, channel, now) if is_fragment(request) else redirect("dashboard")


class FreshKey(NamedTuple):
    text: str

    @property
    def url(self) -> str:
        return f"{settings.RTMP_PUBLIC_URL}/{self.text}"

    @property
    def ffmpeg(self) -> str:
        return f"ffmpeg -re -i clip.mp4 -c:v libx264 -preset veryfast -g 60 -pix_fmt yuv420p -c:a aac -f flv '{self.url}'"


def render_keys(
    request: SignedInRequest,
    channel: Channel,
    now: dt.datetime,
    *,
    form: KeyForm | None = None,
    fresh: FreshKey | None = None,
    failed: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole dashboard, or only its keys when a script asked."""
    state = LiveState.of(channel)
    context = {
        "channel": channel,
        "live": state,
        "keys": rows(channel, state.broadcast, now),
        "key_form": form or KeyForm(),
        "stream_form": StreamForm(instance=channel),
        "fresh": fresh,
        "failed": failed,
        "rtmp_url": settings.RTMP_PUBLIC_URL,
    }
    template = "dashboard/keys.html" if is_fragment(request) else "dashboard/page.html"
    return render(request, template, context, status=status)


def rows(channel: Channel, broadcast: Broadcast | None, now: dt.datetime) -> list[KeyRow] | None:
    """The keys that can be used first; None when the key store does not answer."""
    in_use = broadcast.key_hash if broadcast and broadcast.is_open else None
    try:
        keys = StreamKey.of_channel(channel.pk)
    except PyMongoError:
        logger.exception("the keys of channel %s could not be listed", channel)
        return None
    found = [KeyRow(key, key.state(now), key.hash == in_use) for key in keys]
    return sorted(found, key=lambda row: row.state != "active")
