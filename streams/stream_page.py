"""The dashboard's first page: what the stream is about, whether it is live and how it is doing."""

from __future__ import annotations

import datetime as dt
import logging

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from accounts.forms import StreamForm
from accounts.models import Channel
from accounts.requests import SignedInRequest
from streams import broadcasts, figures, health, refusals
from streams.dashboard import LiveState, is_fragment, streamer_required
from streams.models import Broadcast
from streams.moments import unix_ms
from streams.schedule import ScheduleForm
from streams.stream_keys import keys_context

logger = logging.getLogger(__name__)


@streamer_required
def dashboard(request: SignedInRequest, channel: Channel) -> HttpResponse:
    return page(request, channel, timezone.now())


def page(
    request: SignedInRequest,
    channel: Channel,
    now: dt.datetime,
    *,
    form: StreamForm | None = None,
    schedule_form: ScheduleForm | None = None,
) -> HttpResponse:
    state = LiveState.of(channel, now)
    keys = keys_context(channel, state.broadcast, now)
    context = {
        "channel": Channel.objects.get(pk=channel.pk) if form else channel,  # a form that is refused has changed its own
        "live": state,
        "has_key": keys["keys"] is None or any(row.state == "active" for row in keys["keys"]),
        "stream_form": form or StreamForm(instance=channel),
        "schedule": channel.schedule.filter(starts_at__gte=now),
        "schedule_form": schedule_form or ScheduleForm(),
        "minutes": minutes_of(state.broadcast, now),
        **keys,
    }
    refused = (form and form.errors) or (schedule_form and schedule_form.errors)
    return render(request, "dashboard/page.html", context, status=400 if refused else 200)


def minutes_of(broadcast: Broadcast | None, now: dt.datetime) -> list[dict[str, object]]:
    """For the graph of viewers, which can do without."""
    try:
        return figures.minutes(broadcast, now) if broadcast and broadcast.is_open else []
    except PyMongoError:
        logger.exception("the minutes of broadcast %s are not known", broadcast)
        return []


@streamer_required
def live(request: SignedInRequest, channel: Channel) -> HttpResponse:
    """What the dashboard asks again and again: 204 while nothing has changed, so that nothing is read out twice."""
    state = LiveState.of(channel, timezone.now())
    if request.GET.get("seen") == state.version:
        return HttpResponse(status=204)
    return render(request, "dashboard/live.html", {"channel": channel, "live": state})


@streamer_required
def numbers(request: SignedInRequest, channel: Channel, broadcast_id: str) -> HttpResponse:
    """What the graphs ask for once a second while somebody looks: two round trips to Redis, three queries by key."""
    broadcast = get_object_or_404(Broadcast, pk=broadcast_id, channel=channel)
    after, now_ms = request.GET.get("after", "0"), unix_ms(timezone.now())
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        return JsonResponse({"error": _("after is a time in milliseconds.")}, status=400)
    try:
        seconds, viewers = health.look(broadcast.pk, int(after), now_ms)
    except RedisError as error:
        logger.warning("broadcast %s has no graphs: %s", broadcast.pk, type(error).__name__)
        return JsonResponse({"error": _("The measurements cannot be read at the moment.")}, status=503)
    return JsonResponse({"seconds": seconds, "viewers": viewers, "is_open": broadcast.is_open})


@streamer_required
@require_POST
def save(request: SignedInRequest, channel: Channel) -> HttpResponse:
    """What is on follows at once; how far behind it is watched only from the next stream on."""
    form = StreamForm(request.POST, request.FILES, instance=channel)
    if not form.is_valid():
        messages.error(request, _("Nothing is changed: %(reason)s") % {"reason": next(iter(form.errors.values()))[0]})
        return page(request, channel, timezone.now(), form=form)
    with transaction.atomic():
        form.save()
        broadcasts.retitle(channel)
    later = _("The new delay counts from your next stream on.") if "latency" in form.changed_data else ""
    messages.success(request, f"{_('Saved.')} {later}".strip())
    return redirect("dashboard")


@streamer_required
@require_POST
def end(request: SignedInRequest, channel: Channel) -> HttpResponse:
    broadcast = channel.broadcasts.filter(state__in=Broadcast.OPEN).first()
    if broadcast:
        broadcasts.stop(broadcast, timezone.now())
    return live_box(request, channel)


@streamer_required
@require_POST
def allow(request: SignedInRequest, channel: Channel) -> HttpResponse:
    """The encoder may come back at once."""
    try:
        refusals.release(channel)
    except PyMongoError:
        logger.exception("the keys of channel %s are still refused", channel)
        if not is_fragment(request):
            messages.error(request, _("That did not work: the key store did not answer. Try again in a minute."))
            return redirect("dashboard")
        return HttpResponse(status=503)
    return live_box(request, channel)


def live_box(request: SignedInRequest, channel: Channel) -> HttpResponse:
    if not is_fragment(request):
        return redirect("dashboard")
    return render(request, "dashboard/live.html", {"channel": channel, "live": LiveState.of(channel, timezone.now())})


@streamer_required
@require_POST
def announce(request: SignedInRequest, channel: Channel) -> HttpResponse:
    now = timezone.now()
    form = ScheduleForm(request.POST, channel=channel, now=now)
    if not form.is_valid():
        return page(request, channel, now, schedule_form=form)
    channel.schedule.create(title=form.cleaned_data["title"], starts_at=form.cleaned_data["starts_at"])
    messages.success(request, _("Announced."))
    return redirect("dashboard")


@streamer_required
@require_POST
def unannounce(request: SignedInRequest, channel: Channel, pk: int) -> HttpResponse:
    get_object_or_404(channel.schedule, pk=pk).delete()
    messages.success(request, _("Taken off the schedule."))
    return redirect("dashboard")
