from __future__ import annotations

from typing import Any

from allauth.account.forms import SignupForm
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import CHANNEL_NAME, Channel, User, refuse_reserved


class ChannelNameField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Channel name",
            help_text="3 to 30 letters, digits or underscores; capitals become small letters. It is your page's address.",
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
        if Channel.objects.filter(name=name).exists():
            raise ValidationError("This name is taken. Choose another one.", code="unique")
        return name


class ChannelSignupForm(SignupForm):
    channel = ChannelNameField()
    field_order = ["email", "channel", "password1"]

    def save(self, request: HttpRequest) -> User:
        with transaction.atomic():
            user: User = super().save(request)
            Channel.objects.create(owner=user, name=self.cleaned_data["channel"])
        return user


class ChannelForm(forms.Form):
    channel = ChannelNameField()


class StreamForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = Channel
        fields = ["title", "latency"]


class StreamerForm(forms.Form):
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    channel = ChannelNameField()
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
        strip=False,
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError("An account with this address exists. Use another address.", code="unique")
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
