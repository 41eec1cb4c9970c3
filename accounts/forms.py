from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.forms import SignupForm
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import pictures
from accounts.languages import LANGUAGES
from accounts.models import CHANNEL_NAME, Channel, FormerName, User, refuse_reserved

TAGS, LONGEST_TAG = 5, 25
POSTER_PX = 1280


class ChannelNameField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=gettext_lazy("Channel name"),
            help_text=gettext_lazy(
                "3 to 30 letters, digits or underscores; capitals become small letters. It is your page's address."
            ),
            validators=[CHANNEL_NAME, refuse_reserved],
            widget=forms.TextInput(
                attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false", "maxlength": 30}
            ),
            **kwargs,
        )

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").lower()

    def clean(self, value: Any) -> str:
        name: str = super().clean(value)
        if Channel.objects.filter(name=name).exists() or FormerName.find(name, timezone.now()):
            raise ValidationError(_("This name is taken. Choose another one."), code="unique")
        return name


class ChannelSignupForm(SignupForm):
    channel = ChannelNameField()
    field_order = ["email", "channel", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)  # it says what the label says

    def save(self, request: HttpRequest) -> User:
        with transaction.atomic():
            user: User = super().save(request)
            Channel.objects.create(owner=user, name=self.cleaned_data["channel"])
        return user


class ChannelForm(forms.Form):
    channel = ChannelNameField()


def normalized(tags: Iterable[str]) -> list[str]:
    """Alike however they are written, and each once."""
    return list(dict.fromkeys(tag for each in tags if (tag := " ".join(each.strip().lstrip("#").lower().split()))))


class TagsField(forms.CharField):
    """Comma separated."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[str]:
        tags = normalized(str(super().clean(value)).split(","))
        if len(tags) > TAGS:
            raise ValidationError(_("Five tags at most: leave the least important ones away."), code="tags")
        if any(len(tag) > LONGEST_TAG for tag in tags):
            raise ValidationError(_("A tag has 25 characters at most: shorten it."), code="tag")
        return tags


class StreamForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    tags = TagsField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("Five at most, with commas between them."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(label=gettext_lazy("Spoken language"), required=False, choices=[("", "—"), *LANGUAGES.items()])
    poster = forms.FileField(
        label=gettext_lazy("Picture while you are offline"),
        required=False,
        help_text=gettext_lazy("JPEG, PNG, WebP or GIF of at most 5 MB, best 1280 × 720."),
        widget=forms.FileInput(attrs={"accept": pictures.ACCEPTED}),
    )
    remove_poster = forms.BooleanField(label=gettext_lazy("Remove the picture"), required=False)

    class Meta:
        model = Channel
        fields = ("title", "category", "tags", "description", "language", "latency", "reconnect_s", "poster")
        labels = {
            "title": gettext_lazy("Title"),
            "category": gettext_lazy("Category"),
            "description": gettext_lazy("Description"),
            "latency": gettext_lazy("How far behind it is watched"),
            "reconnect_s": gettext_lazy("When your encoder is gone, wait for it"),
        }
        help_texts = {"language": "", "reconnect_s": gettext_lazy("So long your viewers stay, and the same broadcast goes on.")}
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.poster_before = self.instance.poster.name  # the form's instance gets what is uploaded
        self.fields["category"].empty_label = "—"  # type: ignore[attr-defined]
        if not self.poster_before:
            self.fields["remove_poster"].widget = forms.HiddenInput()

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).strip()

    def clean_poster(self) -> ContentFile[bytes] | str:
        """Before Django's own field of pictures has opened the file in any of Pillow's formats."""
        upload = self.files.get(self.add_prefix("poster"))
        return pictures.clean(upload, POSTER_PX) if isinstance(upload, UploadedFile) else self.poster_before

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("remove_poster") and not self.files.get(self.add_prefix("poster")):
            cleaned["poster"] = ""
        return cleaned

    def save(self, commit: bool = True) -> Channel:
        channel: Channel = super().save(commit)
        if self.poster_before and channel.poster.name != self.poster_before:
            transaction.on_commit(lambda: default_storage.delete(self.poster_before))
        return channel


class StreamerForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    channel = ChannelNameField()
    password = forms.CharField(
        label=gettext_lazy("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
        strip=False,
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError(_("An account with this address exists. Use another address."), code="unique")
        return email

    def clean(self) -> None:
        super().clean()
        password = self.cleaned_data.get("password")
        if password:
            self._validate_password(password)

    def _validate_password(self, password: str) -> None:
        try:
            password_validation.validate_password(password, User(email=self.cleaned_data.get("email", "")))
        except ValidationError as error:
            self.add_error("password", error)
