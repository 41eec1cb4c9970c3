"""How somebody appears: picture and links."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import URLValidator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import pictures
from accounts.models import Channel
from accounts.requests import SignedInRequest

AVATAR_PX = 256
LINKS = 5


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    avatar = forms.FileField(
        label=gettext_lazy("New picture"),
        required=False,
        help_text=gettext_lazy("JPEG, PNG, WebP or GIF of at most 5 MB. Its middle square is shown."),
        widget=forms.FileInput(attrs={"accept": pictures.ACCEPTED}),
    )
    remove = forms.BooleanField(label=gettext_lazy("Remove the picture"), required=False)

    class Meta:
        model = Channel
        fields = ("avatar",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = self.instance.avatar.name  # the form's instance gets what is uploaded
        if not self.before:
            del self.fields["remove"]

    def clean_avatar(self) -> ContentFile[bytes] | None:
        upload = self.files.get(self.add_prefix("avatar"))
        return pictures.clean(upload, AVATAR_PX, square=True) if isinstance(upload, UploadedFile) else None

    def save(self, commit: bool = True) -> Channel:
        new = self.cleaned_data["avatar"]
        if new or self.cleaned_data.get("remove"):
            self.instance.avatar = new or ""
            self.instance.save(update_fields=["avatar"])
            forget(self.before)
        return self.instance


class LinkForm(forms.Form):
    label = forms.CharField(label=gettext_lazy("Words"), max_length=40, required=False)
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=300,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        validators=[
            URLValidator(("http", "https"), message=gettext_lazy("Give a whole address, such as https://example.org/me."))
        ],
    )

    def clean(self) -> None:
        if self.cleaned_data.get("label") and "url" in self.cleaned_data and not self.cleaned_data["url"]:
            raise ValidationError({"url": _("Give the address that these words lead to, or remove the words.")})


LinkFormSet = forms.formset_factory(LinkForm, extra=LINKS, max_num=LINKS, absolute_max=LINKS, validate_max=True)


@login_required
def profile(request: SignedInRequest) -> HttpResponse:
    channel = getattr(request.user, "channel", None)
    if channel is None:
        return redirect("channel")
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = ProfileForm(data, files, instance=channel)
    links = LinkFormSet(data, files, initial=channel.links[:LINKS], prefix="links")
    if request.method == "POST" and form.is_valid() and links.is_valid():
        save(form, links)
        messages.success(request, _("Saved."))
        return redirect("profile")
    channel.avatar = form.before  # not what was refused
    return render(request, "accounts/profile.html", {"form": form, "links": links, "channel": channel})


@transaction.atomic
def save(form: ProfileForm, links: Any) -> None:
    channel = form.save()
    channel.links = [{"label": row["label"] or row["url"], "url": row["url"]} for row in links.cleaned_data if row.get("url")]
    channel.save(update_fields=["links"])


def forget(name: str | None) -> None:
    """A file that nothing names any more, once that is certain."""
    if name:
        transaction.on_commit(lambda: default_storage.delete(name))
