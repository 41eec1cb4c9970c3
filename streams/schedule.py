"""Broadcasts to come, as their streamer announces them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Channel

ANNOUNCED = 20
FURTHEST = dt.timedelta(days=366)


class ScheduleForm(forms.Form):
    """A broadcast to come, at a time of the streamer's own clock: a script says which zone that is."""

    title = forms.CharField(
        label=gettext_lazy("Title"), max_length=140, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    at = forms.DateTimeField(
        label=gettext_lazy("Day and time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    zone = forms.CharField(max_length=60, required=False, widget=forms.HiddenInput(attrs={"class": "own-zone"}))

    def __init__(self, data: Any = None, *, channel: Channel | None = None, now: dt.datetime | None = None) -> None:
        super().__init__(data, auto_id="schedule_%s")
        self.channel, self.now = channel, now

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "at" in cleaned and self.channel and self.now:
            cleaned["starts_at"] = cleaned["at"].replace(tzinfo=own_zone(cleaned.get("zone", "")))
            self._check(cleaned["starts_at"], self.channel, self.now)
        return cleaned

    def _check(self, starts_at: dt.datetime, channel: Channel, now: dt.datetime) -> None:
        if starts_at <= now:
            self.add_error("at", _("This moment is over: choose a later one."))
        elif starts_at - now > FURTHEST:
            self.add_error("at", _("This is more than a year ahead: choose an earlier moment."))
        elif channel.schedule.filter(starts_at__gte=now).count() >= ANNOUNCED:
            self.add_error(None, _("Twenty broadcasts are announced: take one off the schedule first."))


def own_zone(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValidationError(_("The time zone is not known: reload the page and try again."), code="zone") from error
