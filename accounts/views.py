from __future__ import annotations

import secrets

from allauth.account import views as allauth_views
from allauth.account.models import EmailAddress
from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts import mailing
from accounts.forms import ChannelForm, ChannelSignupForm, StreamerForm
from accounts.models import Channel, Follow, User
from accounts.requests import SignedInRequest

FIRST_ADMINISTRATOR_LOCK = 0x66697273  # any number that no other advisory lock uses


class SignupView(allauth_views.SignupView):
    form_class = ChannelSignupForm

    def form_valid(self, form: ChannelSignupForm) -> HttpResponse:
        try:
            return super().form_valid(form)
        except IntegrityError:
            # Somebody took the name or the address after the form was checked: checked again, it says which.
            again = self.form_class(**self.get_form_kwargs())
            if again.is_valid():
                raise
            return self.form_invalid(again)


@login_required
def channel(request: SignedInRequest) -> HttpResponse:
    """Makes the channel of somebody who signed up without one."""
    if hasattr(request.user, "channel"):
        return redirect("dashboard")
    form = ChannelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            Channel.objects.create(owner=request.user, name=form.cleaned_data["channel"])
            return redirect("dashboard")
        except IntegrityError:
            form.add_error("channel", _("This name was taken a moment ago. Choose another one."))
    return render(request, "accounts/channel.html", {"form": form})


@login_required
def follow(request: SignedInRequest, name: str) -> HttpResponse:
    """Follows, or stops following."""
    channel = get_object_or_404(Channel, name=name)
    if request.method != "POST":  # somebody logged in on the way here
        return redirect(channel)
    if channel.owner_id == request.user.pk:
        raise PermissionDenied(_("This is your own channel: others can follow it."))
    following, created = Follow.objects.get_or_create(user=request.user, channel=channel)
    if not created:
        following.delete()
    return _follow_answer(request, channel)


@login_required
def follow_by_mail(request: SignedInRequest, name: str) -> HttpResponse:
    """Tells by e-mail when the channel goes live, or no longer."""
    channel = get_object_or_404(Channel, name=name)
    if request.method != "POST":
        return redirect(channel)
    by_mail = request.POST.get("by_mail") == "on"
    if not Follow.objects.filter(user=request.user, channel=channel).update(by_mail=by_mail):
        raise PermissionDenied(_("You do not follow this channel."))
    if by_mail and not mailing.is_reached(request.user):
        messages.warning(request, _("Mails begin when you have confirmed your address: see Account, E-mail."))
    return _follow_answer(request, channel)


def _follow_answer(request: SignedInRequest, channel: Channel) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return render(request, "accounts/follow.html", {"channel": channel, **follow_context(channel, request.user)})
    return redirect("following" if request.POST.get("next") == "following" else channel)


def follow_context(channel: Channel, user: User | AnonymousUser) -> dict[str, object]:
    following = channel.followers.filter(user=user).first() if user.is_authenticated else None
    return {
        "followers": channel.followers.count(),
        "is_following": following is not None,
        "by_mail": following is not None and following.by_mail,
    }


@sensitive_post_parameters("password")
def first_administrator(request: HttpRequest, token: str) -> HttpResponse:
    if not settings.FIRST_ADMIN_TOKEN or not secrets.compare_digest(token.encode(), settings.FIRST_ADMIN_TOKEN.encode()):
        raise Http404
    refuse_second_administrator()
    form = StreamerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return perform_login(request, make_first_administrator(**form.cleaned_data), email_verification="none")
    return render(request, "accounts/first_administrator.html", {"form": form})


@transaction.atomic
def make_first_administrator(email: str, password: str, channel: str) -> User:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ADMINISTRATOR_LOCK])
    refuse_second_administrator()
    user = User.objects.create_streamer(email, password, channel, is_staff=True, is_superuser=True)
    # who has the link has the machine: there may be no mail yet that could prove more
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def refuse_second_administrator() -> None:
    if User.objects.filter(is_superuser=True).exists():
        raise Http404
