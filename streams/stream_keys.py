"""The page with a channel's stream keys."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any, NamedTuple

import segno
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from accounts.models import Channel
from accounts.requests import SignedInRequest
from streams import limits
from streams.dashboard import LiveState, is_fragment, streamer_required
from streams.documents import StreamKey
from streams.forms import KeyForm
from streams.models import Broadcast

logger = logging.getLogger(__name__)


class KeyRow(NamedTuple):
    key: StreamKey
    state: str
    is_live: bool


class FreshKey(NamedTuple):
    text: str

    @property
    def url(self) -> str:
        return f"{settings.RTMP_PUBLIC_URL}/{self.text}"

    @property
    def ffmpeg(self) -> str:
        return f"ffmpeg -re -i clip.mp4 -c:v libx264 -preset veryfast -g 60 -pix_fmt yuv420p -c:a aac -f flv '{self.url}'"

    @property
    def qr(self) -> SafeString:
        """For phones; nothing but squares comes of what it says."""
        code = segno.make(self.url, micro=False)
        return mark_safe(code.svg_inline(svgclass="qr", lineclass=None, omitsize=True, light="#fff"))


@streamer_required
def keys(request: SignedInRequest, channel: Channel) -> HttpResponse:
    if request.method == "POST":
        return create(request, channel, timezone.now())
    return keys_page(request, channel, timezone.now())


def create(request: SignedInRequest, channel: Channel, now: dt.datetime) -> HttpResponse:
    """Answers with the new key itself, the only time it is shown: a redirect would have to keep it somewhere."""
    form = KeyForm(request.POST)
    if not form.is_valid():
        return keys_page(request, channel, now, form=form, status=200 if is_fragment(request) else 400)
    try:
        if not limits.KEYS_MADE.hit(str(request.user.pk)):
            form.add_error(
                "label", _("The key was not made: you made many within the last hour. Use one of them, or wait an hour.")
            )
            return keys_page(request, channel, now, form=form, status=200 if is_fragment(request) else 429)
        _key, text = StreamKey.issue(channel.pk, now, form.cleaned_data["label"], form.expires_at(now))
    except (PyMongoError, RedisError):
        logger.exception("no key was issued for channel %s", channel)
        failed = _("The key was not made: the key store did not answer.")
        return keys_page(request, channel, now, form=form, failed=failed)
    return keys_page(request, channel, now, fresh=FreshKey(text))


@streamer_required
@require_POST
def revoke(request: SignedInRequest, channel: Channel, public_id: str) -> HttpResponse:
    now = timezone.now()
    try:
        key = next((key for key in StreamKey.of_channel(channel.pk) if key.public_id == public_id), None)
        if key is None:
            raise Http404
        if not key.revoked_at:
            key.revoke(now)
    except PyMongoError:
        logger.exception("key %s of channel %s was not revoked", public_id, channel)
        return keys_page(request, channel, now, failed=_("The key was not revoked: the key store did not answer."))
    return keys_page(request, channel, now) if is_fragment(request) else redirect("keys")


def keys_page(request: SignedInRequest, channel: Channel, now: dt.datetime, status: int = 200, **shown: Any) -> HttpResponse:
    """The whole page, or only the keys when a script asked."""
    state = LiveState.of(channel, now)
    context = {"channel": channel, "live": state} | keys_context(channel, state.broadcast, now) | shown
    template = "dashboard/keys.html" if is_fragment(request) else "dashboard/keys_page.html"
    return render(request, template, context | {"key_form": shown.get("form") or KeyForm()}, status=status)


def keys_context(channel: Channel, broadcast: Broadcast | None, now: dt.datetime) -> dict[str, Any]:
    return {"keys": rows(channel, broadcast, now), "key_form": KeyForm(), "rtmp_url": settings.RTMP_PUBLIC_URL}


def rows(channel: Channel, broadcast: Broadcast | None, now: dt.datetime) -> list[KeyRow] | None:
    """The keys that can be used first; None when the key store does not answer."""
    try:
        return listed(channel, broadcast, now)
    except PyMongoError:
        logger.exception("the keys of channel %s could not be listed", channel)
        return None


def listed(channel: Channel, broadcast: Broadcast | None, now: dt.datetime) -> list[KeyRow]:
    """Raises PyMongoError."""
    in_use = broadcast.key_hash if broadcast and broadcast.is_open else None
    found = [KeyRow(key, key.state(now), key.hash == in_use) for key in StreamKey.of_channel(channel.pk)]
    return sorted(found, key=lambda row: row.state != "active")
