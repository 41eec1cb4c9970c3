"""allauth's forms for passkeys, with words of ours; what is no credential at all is a wrong one, not an error of the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.limits import Guess
from accounts.models import User

MALFORMED = (AttributeError, KeyError, TypeError, ValueError)


def checked(check: Callable[[], Any]) -> Any:
    try:
        return check()
    except ValidationError:
        raise
    except MALFORMED as error:
        raise get_adapter().validation_error("incorrect_code") from error


def guessed(user: User, check: Callable[[], Any]) -> Any:
    guess = Guess.at_second_factor(context.request, user)
    found = checked(check)
    guess.was_right()
    return found


class LoginForm(forms.LoginWebAuthnForm):
    def clean_credential(self) -> Any:
        return checked(super().clean_credential)


class SecondFactorForm(forms.AuthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        return guessed(self.user, super().clean_credential)


class ReauthenticationForm(forms.ReauthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        return guessed(self.user, super().clean_credential)


class AddForm(forms.AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        self.fields["name"].help_text = _("So that you tell your keys apart: the device, or where you keep it.")
        self.fields["passwordless"].label = _("Log in with it alone")
        self.fields["passwordless"].initial = True
        self.fields["passwordless"].help_text = _(
            "Without e-mail address and password. The device then asks for its PIN, your finger or your face."
        )

    def clean_name(self) -> str:
        name: str = super().clean_name()
        return name[:60]

    def clean(self) -> Any:
        return checked(super().clean)
