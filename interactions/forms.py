from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from interactions import rules
from interactions.models import RoomRole
from interactions.rules import Settings

SLOW = {
    0: _("Off"),
    3: _("3 seconds"),
    5: _("5 seconds"),
    10: _("10 seconds"),
    30: _("30 seconds"),
    60: _("1 minute"),
    300: _("5 minutes"),
}
FOLLOWING = {
    None: _("Everybody"),
    0: _("Followers"),
    600: _("Followers for 10 minutes"),
    3600: _("Followers for an hour"),
    86400: _("Followers for a day"),
    604800: _("Followers for a week"),
    2592000: _("Followers for 30 days"),
}
LINKS = {"untrusted": _("Wait for a moderator, from people who are new here"), "nobody": _("Are shown at once")}


def _seconds(value: str) -> int | None:
    return int(value) if value else None


class SettingsForm(forms.Form):
    slow_s = forms.TypedChoiceField(label=_("Slow mode: between two messages of one person"), coerce=int)
    followers_only_s = forms.TypedChoiceField(label=_("Who may write"), coerce=_seconds, empty_value=None, required=False)
    hold_links = forms.ChoiceField(label=_("Messages with links"), choices=list(LINKS.items()))
    domains = forms.CharField(
        label=_("Links there are always shown"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "youtube.com clips.example"}),
        help_text=_("Domains, separated by spaces or lines; what lies below them counts as well."),
    )
    emoji = forms.CharField(
        label=_("Reactions"), help_text=format_lazy(_("1 to {most} emoji, separated by spaces."), most=rules.MOST_EMOJI)
    )
    emote_only = forms.BooleanField(label=_("Emoji only"), required=False)
    delay_to_picture = forms.BooleanField(
        label=_("Show each message when the picture gets there that its author was seeing"), required=False
    )

    def __init__(self, settings: Settings, data: Any = None) -> None:
        """With what is set now as a choice, though it came from elsewhere."""
        words = {"emoji": " ".join(settings.emoji), "domains": "\n".join(settings.domains)}
        super().__init__(data, initial=settings.public() | words)
        self._choices("slow_s", SLOW, settings.slow_s)
        self._choices("followers_only_s", FOLLOWING, settings.followers_only_s)

    def _choices(self, name: str, known: dict[Any, Any], now: int | None) -> None:
        choices = known | ({} if now in known else {now: ngettext("%(n)s second", "%(n)s seconds", now or 0) % {"n": now}})
        field: Any = self.fields[name]
        field.choices = [("" if value is None else str(value), label) for value, label in choices.items()]

    def clean_emoji(self) -> list[str]:
        return self._list("emoji", gettext("Use emoji, each once and with spaces between them."))

    def clean_domains(self) -> list[str]:
        return self._list("domains", gettext("Write domains as in example.com, each once."))

    def _list(self, name: str, complaint: str) -> list[str]:
        values = self.cleaned_data[name].replace(",", " ").split()
        if not rules.VALID[name](values):
            raise ValidationError(complaint, code="invalid")
        return values


class RoleForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=31, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label=_("Becomes"), choices=RoomRole.Role.choices)

    def clean_name(self) -> User:
        name = self.cleaned_data["name"].lower().removeprefix("@")
        user = User.objects.filter(channel__name=name).first()
        if user is None:
            raise ValidationError(gettext("Nobody here is called that."), code="unknown")
        return user
