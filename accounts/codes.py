"""allauth's forms for the codes of a second factor: each that is wrong counts as a failed login."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.base import forms
from allauth.mfa.totp.forms import ActivateTOTPForm

from accounts.limits import Guess


class Guessed:
    user: Any

    def clean_code(self) -> str:
        guess = Guess.at_second_factor(context.request, self.user)
        code: str = super().clean_code()  # type: ignore[misc]  # of the form beside it
        guess.was_right()
        return code


class SecondFactorForm(Guessed, forms.AuthenticateForm):
    pass


class ReauthenticationForm(Guessed, forms.ReauthenticateForm):
    pass


class ActivationForm(Guessed, ActivateTOTPForm):
    pass
