"""What all of the streamer's pages share: who is let in, and how the channel's broadcast is doing."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from pymongo.errors import PyMongoError

from accounts.models import Channel
from accounts.requests import SignedInRequest
from streams import health, refusals
from streams.models import Broadcast, Refusal
from streams.reasons import REASONS, Reason, said

logger = logging.getLogger(__name__)


class LiveState(NamedTuple):
    broadcast: Broadcast | None  # the one that is open, else the last one
    refusal: Refusal | None  # of an attempt since then
    advised: list[str]
    held_until: dt.datetime | None  # the key is refused, because its streamer has just ended the broadcast
    suspended_until: dt.datetime | None

    @classmethod
    def of(cls, channel: Channel, now: dt.datetime) -> LiveState:
        broadcast = channel.broadcasts.order_by("-started_at").first()
        refusal = Refusal.objects.filter(channel=channel).first()
        if broadcast and refusal and refusal.at < (broadcast.ended_at or broadcast.started_at):
            refusal = None
        advised = health.advice_of(broadcast) if broadcast else []
        suspended_until = channel.suspended_until if channel.is_suspended(now) else None
        return cls(broadcast, refusal, advised, held_until(broadcast, now), suspended_until)

    @property
    def version(self) -> str:
        """Differs whenever the page would say something else."""
        shown: list[object] = [self.refusal and (self.refusal.at, self.refusal.reason), self.held_until, self.suspended_until]
        if self.broadcast:
            codes = [entry.partition(":")[0] for entry in self.advised]  # a number that moves is no news
            shown += [self.broadcast.pk, self.broadcast.state, self.broadcast.is_waiting, self.broadcast.end_reason, codes]
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    @property
    def is_open(self) -> bool:
        return self.broadcast is not None and self.broadcast.is_open

    @property
    def refused(self) -> Reason | None:
        return REASONS.get(self.refusal.reason) if self.refusal else None

    @property
    def ended(self) -> Reason | None:
        return REASONS.get(self.broadcast.end_reason) if self.broadcast else None

    @property
    def advice(self) -> list[Reason]:
        return [words for entry in self.advised if (words := said(entry))]


def held_until(broadcast: Broadcast | None, now: dt.datetime) -> dt.datetime | None:
    try:
        return refusals.held_until(broadcast, now) if broadcast else None
    except PyMongoError:
        logger.exception("it is not known whether a key of broadcast %s is refused", broadcast)
        return None


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
