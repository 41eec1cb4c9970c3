from __future__ import annotations

import datetime as dt

from django import forms

LIFETIMES = {"24h": dt.timedelta(hours=24), "7d": dt.timedelta(days=7), "30d": dt.timedelta(days=30)}


class KeyForm(forms.Form):
    label = forms.CharField(
        max_length=60, required=False, widget=forms.TextInput(attrs={"placeholder": "OBS at home", "autocomplete": "off"})
    )
    expires = forms.ChoiceField(
        choices=[("", "Never"), ("24h", "In 24 hours"), ("7d", "In 7 days"), ("30d", "In 30 days")], required=False
    )

    def expires_at(self, now: dt.datetime) -> dt.datetime | None:
        lifetime = LIFETIMES.get(self.cleaned_data["expires"])
        return now + lifetime if lifetime else None
