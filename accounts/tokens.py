"""Tokens with which programs act for somebody: made here, shown once, and revoked."""

from __future__ import annotations

import datetime as dt

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import staff
from accounts.models import ApiToken, User
from accounts.requests import SignedInRequest

MOST = 50  # of one account
LIFETIMES = {"7": gettext_lazy("In 7 days"), "30": gettext_lazy("In 30 days"), "90": gettext_lazy("In 90 days")}
LIFETIMES |= {"365": gettext_lazy("In a year"), "": gettext_lazy("Never")}


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("What it is for, so that you know later what to revoke."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"), choices=ApiToken.Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    expires = forms.ChoiceField(label=gettext_lazy("Expires"), choices=LIFETIMES.items(), initial="90", required=False)

    def __init__(self, user: User, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.user = user

    def clean(self) -> None:
        if self.user.auth_token_set.count() >= MOST:
            raise ValidationError(_("You have {} tokens: revoke one first.").format(MOST), code="most")

    def make(self) -> str:
        """The token's text, to be shown now or never."""
        days = self.cleaned_data["expires"]
        expiry = dt.timedelta(days=int(days)) if days else None
        given = {"name": self.cleaned_data["name"], "scopes": self.cleaned_data["scopes"]}
        _token, text = ApiToken.objects.create(self.user, expiry=expiry, **given)
        return str(text)


@login_required
def tokens(request: SignedInRequest) -> HttpResponse:
    return page(request)


@login_required
@reauthentication_required
def new(request: SignedInRequest) -> HttpResponse:
    """Answers with the token itself: a redirect would have to keep it somewhere."""
    if staff.lacks(request):
        messages.warning(request, _("Tokens of staff need a second factor: add an authenticator app or a passkey here."))
        return redirect("mfa_index")
    form = TokenForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        text = form.make()
        get_adapter().send_notification_mail("account/email/token_made", request.user, {"name": form.cleaned_data["name"]})
        return page(request, text)
    return render(request, "accounts/new_token.html", {"form": form})


@login_required
@require_POST
def revoke(request: SignedInRequest, token_key: str) -> HttpResponse:
    get_object_or_404(ApiToken, user=request.user, token_key=token_key).delete()
    messages.success(request, _("That token is revoked."))
    return redirect("tokens")


def page(request: SignedInRequest, fresh: str = "") -> HttpResponse:
    return render(request, "accounts/tokens.html", {"tokens": request.user.auth_token_set.all(), "fresh": fresh})
