from __future__ import annotations

import datetime as dt

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.languages import LANGUAGES

LIFETIMES = {"24h": dt.timedelta(hours=24), "7d": dt.timedelta(days=7), "30d": dt.timedelta(days=30)}


class KeyForm(forms.Form):
    label = forms.CharField(
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": _("OBS at home"), "autocomplete": "off"}),
    )
    expires = forms.ChoiceField(
        choices=[
            ("", _("Never")),
            ("24h", _("In 24 hours")),
            ("7d", _("In 7 days")),
            ("30d", _("In 30 days")),
        ],
        required=False,
    )

    def expires_at(self, now: dt.datetime) -> dt.datetime | None:
        lifetime = LIFETIMES.get(self.cleaned_data["expires"])
        return now + lifetime if lifetime else None


class DirectoryForm(forms.Form):
    """What a visitor looks for on the start page."""

    q = forms.CharField(label=_("Search"), max_length=100, required=False)
    category = forms.SlugField(label=_("Category"), max_length=40, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=[("", _("Any language")), *LANGUAGES.items()], required=False)
    tag = forms.CharField(label=_("Tag"), max_length=25, required=False)
    sort = forms.ChoiceField(
        label=_("Sort by"),
        choices=[("viewers", _("Most viewers")), ("newest", _("Newest")), ("name", _("Name"))],
        required=False,
    )
    offline = forms.BooleanField(label=_("Offline channels too"), required=False)
