"""Your data: take it with you, or leave with all of it."""

from __future__ import annotations

import io
import json
import logging
import zipfile

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import personal
from accounts.models import User
from accounts.requests import SignedInRequest

log = logging.getLogger(__name__)


class DeleteForm(forms.Form):
    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}))

    def __init__(self, user: User, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.wanted = user.channel.name if hasattr(user, "channel") else user.email
        self.fields["name"].label = gettext_lazy("To be sure, write “{}”").format(self.wanted)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip().lower()
        if name != self.wanted:
            raise ValidationError(_("This is not “{}”: nothing is deleted.").format(self.wanted), code="name")
        return name


@login_required
def your_data(request: SignedInRequest) -> HttpResponse:
    return render(request, "accounts/your_data.html", {"is_last_administrator": personal.is_last_administrator(request.user)})


@require_POST
@login_required
@reauthentication_required
def export(request: SignedInRequest) -> HttpResponse:
    try:
        found = personal.export(request.user)
    except personal.Unavailable:
        return _unavailable(request)
    response = HttpResponse(_zipped(request.user, found), content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="my-data.zip"'
    return response


def pictures(user: User) -> list[str]:
    names = (user.channel.avatar.name, user.channel.poster.name) if hasattr(user, "channel") else ()
    return [name for name in names if name and default_storage.exists(name)]


def _zipped(user: User, found: dict[str, object]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(found, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))
        for name in pictures(user):
            with default_storage.open(name) as file:
                archive.writestr(name, file.read())
    return out.getvalue()


@login_required
@reauthentication_required
def delete(request: SignedInRequest) -> HttpResponse:
    if personal.is_last_administrator(request.user):
        messages.error(request, _("You are the only administrator: make another one first."))
        return redirect("your_data")
    form = DeleteForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _deleted(request)
    return render(request, "accounts/delete.html", {"form": form})


def _deleted(request: SignedInRequest) -> HttpResponse:
    pk = request.user.pk
    try:
        personal.delete(User.objects.get(pk=pk))
    except personal.Unavailable:
        return _unavailable(request)
    logout(request)
    log.info("account %s was deleted by its owner", pk)
    messages.success(request, _("Your account is deleted."))
    return redirect("home")


def _unavailable(request: HttpRequest) -> HttpResponse:
    messages.error(request, _("Nothing was done: a database did not answer. Try again in a minute."))
    return redirect("your_data")
