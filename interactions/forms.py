from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import User
from interactions import rules
from interactions.models import RoomRole
from interactions.rules import Settings

SLOW = {0: "Off", 3: "3 seconds", 5: "5 seconds", 10: "10 seconds", 30: "30 seconds", 60: "1 minute", 300: "5 minutes"}
FOLLOWING = {
    None: "Everybody",
    0: "Followers",
    600: "Followers for 10 minutes",
    3600: "Followers for an hour",
    86400: "Followers for a day",
    604800: "Followers for a week",
    2592000: "Followers for 30 days",
}
LINKS = {"untrusted": "Wait for a moderator, from people who are new here", "nobody": "Are shown at once"}


def _seconds(value: str) -> int | None:
    return int(value) if value else None


class SettingsForm(forms.Form):
    slow_s = forms.TypedChoiceField(label="Slow mode: between two messages of one person", coerce=int)
    followers_only_s = forms.TypedChoiceField(label="Who may write", coerce=_seconds, empty_value=None, required=False)
    hold_links = forms.ChoiceField(label="Messages with links", choices=list(LINKS.items()))
    domains = forms.CharField(
        label="Links there are always shown",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "youtube.com clips.example"}),
        help_text="Domains, separated by spaces or lines; what lies below them counts as well.",
    )
    emoji = forms.CharField(label="Reactions", help_text=f"1 to {rules.MOST_EMOJI} emoji, separated by spaces.")
    emote_only = forms.BooleanField(label="Emoji only", required=False)
    delay_to_picture = forms.BooleanField(
        label="Show each message when the picture gets there that its author was seeing", required=False
    )

    def __init__(self, settings: Settings, data: Any = None) -> None:
        """With what is set now as a choice, though it came from elsewhere."""
        words = {"emoji": " ".join(settings.emoji), "domains": "\n".join(settings.domains)}
        super().__init__(data, initial=settings.public() | words)
        self._choices("slow_s", SLOW, settings.slow_s)
        self._choices("followers_only_s", FOLLOWING, settings.followers_only_s)

    def _choices(self, name: str, known: dict[Any, str], now: int | None) -> None:
        choices = known | ({} if now in known else {now: f"{now} seconds"})
        field: Any = self.fields[name]
        field.choices = [("" if value is None else str(value), label) for value, label in choices.items()]

    def clean_emoji(self) -> list[str]:
        return self._list("emoji", "Use emoji, each once and with spaces between them.")

    def clean_domains(self) -> list[str]:
        return self._list("domains", "Write domains as in example.com, each once.")

    def _list(self, name: str, complaint: str) -> list[str]:
        values = self.cleaned_data[name].replace(",", " ").split()
        if not rules.VALID[name](values):
            raise ValidationError(complaint, code="invalid")
        return values


class RoleForm(forms.Form):
    name = forms.CharField(label="Name", max_length=31, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label="Becomes", choices=RoomRole.Role.choices)

    def clean_name(self) -> User:
        name = self.cleaned_data["name"].lower().removeprefix("@")
        user = User.objects.filter(channel__name=name).first()
        if user is None:
            raise ValidationError("Nobody here is called that.", code="unknown")
        return user
