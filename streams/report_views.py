"""The page on which somebody reports a channel."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Channel
from accounts.requests import SignedInRequest
from streams import reports
from streams.models import ChannelReport
from streams.moderation import Refused


class ReportForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = ChannelReport
        fields = ("reason", "text")
        labels = {"reason": gettext_lazy("What is wrong?"), "text": gettext_lazy("In your words, if you like")}
        widgets = {"reason": forms.RadioSelect, "text": forms.Textarea(attrs={"rows": 4, "maxlength": 500})}

    reason = forms.ChoiceField(
        label=gettext_lazy("What is wrong?"), choices=ChannelReport.Reason.choices, widget=forms.RadioSelect
    )


@login_required
def report_channel(request: SignedInRequest, name: str) -> HttpResponse:
    channel = get_object_or_404(Channel, name=name)
    form = ReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            reports.report(channel, request.user, form.cleaned_data["reason"], form.cleaned_data["text"], timezone.now())
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("Thank you. The moderators will look at it."))
        return redirect(channel)
    return render(request, "streams/report_page.html", {"channel": channel, "form": form})
