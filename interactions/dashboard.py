"""The streamer's page about the chat: rules, moderators, blocked terms, who is kept out, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.models import Channel, ModAction, User
from accounts.requests import SignedInRequest
from interactions import restrictions, room_settings
from interactions.forms import RoleForm, SettingsForm
from interactions.models import BlockedTerm, Restriction, RoomRole
from interactions.protocol import Refused
from interactions.standing import name_of
from interactions.words import words
from streams.dashboard import streamer_required

LOGGED = 50  # entries that the page shows
GIVEN = {
    RoomRole.Role.MODERATOR: gettext_lazy("%(name)s is now a moderator of your room."),
    RoomRole.Role.VIP: gettext_lazy("%(name)s is now a VIP of your room."),
}


@streamer_required
def chat(request: SignedInRequest, channel: Channel) -> HttpResponse:
    return page(request, channel)


def page(request: SignedInRequest, channel: Channel, **forms: Any) -> HttpResponse:
    rules, now = room_settings.settings_of(channel), timezone.now()
    kept_out = Restriction.objects.filter(Restriction.in_force(now), channel=channel)
    roles = RoomRole.objects.filter(channel=channel).select_related("user__channel").order_by("role", "pk")
    context = {
        "channel": channel,
        "rules": rules,
        "settings_form": SettingsForm(rules),
        "role_form": RoleForm(),
        "roles": [(role, name_of(role.user)) for role in roles],
        "terms": BlockedTerm.objects.filter(channel=channel).order_by("text"),
        "kept_out": [(one, name_of(one.user)) for one in kept_out.select_related("user__channel").order_by("-at")],
        "log": ModAction.of_room(channel).order_by("-at", "-pk")[:LOGGED],
    }
    return render(request, "dashboard/chat.html", context | forms)


@streamer_required
@require_POST
def change_settings(request: SignedInRequest, channel: Channel) -> HttpResponse:
    form = SettingsForm(room_settings.settings_of(channel), request.POST)
    if not form.is_valid():
        return page(request, channel, settings_form=form)
    return done(request, _("Saved."), lambda: room_settings.change(request.user, channel, form.cleaned_data, timezone.now()))


@streamer_required
@require_POST
def shield(request: SignedInRequest, channel: Channel) -> HttpResponse:
    on = request.POST.get("on") == "1"
    said = _("The shield is up.") if on else _("The shield is down.")
    return done(request, said, lambda: room_settings.shield(request.user, channel, on, timezone.now()))


@streamer_required
@require_POST
def give_role(request: SignedInRequest, channel: Channel) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        return page(request, channel, role_form=form)
    user, role = form.cleaned_data["name"], form.cleaned_data["role"]
    said = GIVEN[role] % {"name": name_of(user)}
    return done(request, said, lambda: room_settings.set_role(request.user, channel, user, role, timezone.now()))


@streamer_required
@require_POST
def take_role(request: SignedInRequest, channel: Channel, user_pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_pk, room_roles__channel=channel)
    said = _("%(name)s has no role in your room any more.") % {"name": name_of(user)}
    return done(request, said, lambda: room_settings.set_role(request.user, channel, user, None, timezone.now()))


@streamer_required
@require_POST
def block_term(request: SignedInRequest, channel: Channel) -> HttpResponse:
    text = request.POST.get("text", "")
    return done(request, _("Blocked."), lambda: room_settings.block_term(request.user, channel, text, timezone.now()))


@streamer_required
@require_POST
def unblock_term(request: SignedInRequest, channel: Channel, pk: int) -> HttpResponse:
    term = get_object_or_404(BlockedTerm, pk=pk, channel=channel)
    return done(request, _("Not blocked any more."), lambda: room_settings.unblock_term(request.user, term, timezone.now()))


@streamer_required
@require_POST
def lift(request: SignedInRequest, channel: Channel, user_pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_pk)
    said = _("%(name)s may write again.") % {"name": name_of(user)}
    return done(request, said, lambda: restrictions.absolve(request.user, channel, user, timezone.now()))


def done(request: SignedInRequest, said: str, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
        messages.success(request, said)
    except Refused as refused:
        messages.error(request, words(refused))
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect("dashboard_chat")
