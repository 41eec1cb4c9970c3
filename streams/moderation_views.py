"""Pages on which a moderator says why, before something is done to a broadcast, a channel or an account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_protect

from accounts.models import Channel, User
from streams import moderation
from streams.models import Broadcast

HOUR, DAY = 3600, 86_400
LENGTHS = {
    HOUR: gettext_lazy("an hour"),
    DAY: gettext_lazy("a day"),
    7 * DAY: gettext_lazy("a week"),
    30 * DAY: gettext_lazy("30 days"),
    365 * DAY: gettext_lazy("a year"),
}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For the log, which nobody can change."),
    )


class SuspendForm(forms.Form):
    seconds = forms.TypedChoiceField(label=gettext_lazy("For"), choices=list(LENGTHS.items()), coerce=int, initial=DAY)
    until = forms.DateTimeField(
        label=gettext_lazy("Or until (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("The streamer reads it on the dashboard; it is in the log, which nobody can change."),
    )

    def end(self, now: dt.datetime) -> dt.datetime:
        return self.cleaned_data["until"] or now + dt.timedelta(seconds=self.cleaned_data["seconds"])


class RenameForm(ReasonForm):
    name = forms.CharField(
        label=gettext_lazy("New name"),
        max_length=30,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("name", "reason")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        return name.lower().removeprefix("@")


Do = Callable[[Any, Any, User, dt.datetime], None]  # target, valid form, by, now


class Verb(NamedTuple):
    model: type[Model]
    permission: str
    form: type[forms.Form]
    title: str | Promise  # of the page
    button: str | Promise
    effect: str | Promise  # what will happen
    done: str | Promise
    do: Do


def _end(target: Broadcast, form: Any, by: User, now: dt.datetime) -> None:
    moderation.end(target, form.cleaned_data["reason"], by, now)


def _suspend(target: Channel, form: Any, by: User, now: dt.datetime) -> None:
    moderation.suspend(target, form.end(now), form.cleaned_data["reason"], by, now)


def _lift(target: Channel, form: Any, by: User, now: dt.datetime) -> None:
    moderation.lift(target, form.cleaned_data["reason"], by, now)


def _rename(target: Channel, form: Any, by: User, now: dt.datetime) -> None:
    moderation.rename(target, form.cleaned_data["name"], form.cleaned_data["reason"], by, now)


def _ban(target: User, form: Any, by: User, now: dt.datetime) -> None:
    moderation.ban(target, form.cleaned_data["reason"], by, now)


def _unban(target: User, form: Any, by: User, now: dt.datetime) -> None:
    moderation.unban(target, form.cleaned_data["reason"], by, now)


VERBS = {
    "end": Verb(
        Broadcast,
        "streams.change_broadcast",
        ReasonForm,
        gettext_lazy("End the broadcast of %(name)s"),
        gettext_lazy("End the broadcast"),
        gettext_lazy("The publisher is dropped, and its stream key is refused for a minute."),
        gettext_lazy("Ended the broadcast of %(name)s."),
        _end,
    ),
    "suspend": Verb(
        Channel,
        "accounts.suspend_channel",
        SuspendForm,
        gettext_lazy("Suspend the channel %(name)s"),
        gettext_lazy("Suspend the channel"),
        gettext_lazy("What is live ends at once, and nothing can be streamed until then. Its page says so."),
        gettext_lazy("Suspended the channel %(name)s."),
        _suspend,
    ),
    "lift": Verb(
        Channel,
        "accounts.suspend_channel",
        ReasonForm,
        gettext_lazy("Lift the suspension of %(name)s"),
        gettext_lazy("Lift the suspension"),
        gettext_lazy("The channel may stream again at once."),
        gettext_lazy("The channel %(name)s may stream again."),
        _lift,
    ),
    "rename": Verb(
        Channel,
        "accounts.rename_channel",
        RenameForm,
        gettext_lazy("Rename the channel %(name)s"),
        gettext_lazy("Rename the channel"),
        gettext_lazy("For 90 days the old name leads to the new one, and nobody else can take it. Stream keys stay valid."),
        gettext_lazy("Renamed the channel %(name)s."),
        _rename,
    ),
    "ban": Verb(
        User,
        "accounts.ban_user",
        ReasonForm,
        gettext_lazy("Ban the account of %(name)s"),
        gettext_lazy("Ban the account"),
        gettext_lazy("It is logged out everywhere, what it broadcasts ends, its chats close, and it cannot log in or stream."),
        gettext_lazy("Banned the account of %(name)s."),
        _ban,
    ),
    "unban": Verb(
        User,
        "accounts.ban_user",
        ReasonForm,
        gettext_lazy("Unban the account of %(name)s"),
        gettext_lazy("Unban the account"),
        gettext_lazy("It can log in, stream and chat again. Restrictions of its chats stay as they are."),
        gettext_lazy("The account of %(name)s may log in again."),
        _unban,
    ),
}


@csrf_protect
def act(request: HttpRequest, verb: str, pk: str) -> HttpResponse:
    if verb not in VERBS:
        raise Http404
    known, by = VERBS[verb], request.user
    if not by.has_perm(known.permission):
        raise PermissionDenied
    target = _target(known.model, pk)
    names = {"name": name_of(target)}
    form = known.form(request.POST or None, initial={"reason": request.GET.get("reason", "")[:200]})
    if request.method == "POST" and form.is_valid():
        try:
            known.do(target, form, by, timezone.now())  # type: ignore[arg-type]
        except moderation.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, known.done % names)
            return HttpResponseRedirect(_next(request, target))
    context = admin.site.each_context(request) | {
        "title": known.title % names,
        "verb": known,
        "form": form,
        "target": target,
        "back": _next(request, target),
    }
    return render(request, "admin/act.html", context)


def _target(model: type[Model], pk: str) -> Any:
    try:
        return get_object_or_404(model, pk=pk)
    except ValueError as error:  # of another kind
        raise Http404 from error


def name_of(target: Broadcast | Channel | User) -> str:
    if isinstance(target, User):
        return target.called
    return target.channel.name if isinstance(target, Broadcast) else target.name


def _next(request: HttpRequest, target: Any) -> str:
    """Where the moderator came from, else the target's own page."""
    wanted = request.GET.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse(f"admin:{target._meta.app_label}_{target._meta.model_name}_change", args=[target.pk])
