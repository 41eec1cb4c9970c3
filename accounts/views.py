from __future__ import annotations

import secrets

from allauth.account import views as allauth_views
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.forms import ChannelForm, ChannelSignupForm, StreamerForm, StreamForm
from accounts.models import Channel, Follow, User
from accounts.requests import SignedInRequest

FIRST_ADMINISTRATOR_LOCK = 0x66697273  # any number that no other advisory lock uses
BACKEND = "django.contrib.auth.backends.ModelBackend"


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
            form.add_error("channel", "This name was taken a moment ago. Choose another one.")
    return render(request, "accounts/channel.html", {"form": form})


@login_required
@require_POST
def stream(request: SignedInRequest) -> HttpResponse:
    """Changes what a stream is called and how far behind it is watched."""
    form = StreamForm(request.POST, instance=get_object_or_404(Channel, owner=request.user))
    if form.is_valid():
        form.save()
        later = " The new delay counts from your next stream on." if "latency" in form.changed_data else ""
        messages.success(request, f"Saved.{later}")
    else:
        messages.error(request, f"Nothing is changed: {next(iter(form.errors.values()))[0]}")
    return redirect("dashboard")


@login_required
def follow(request: SignedInRequest, name: str) -> HttpResponse:
    """Follows, or stops following."""
    channel = get_object_or_404(Channel, name=name)
    if request.method != "POST":  # somebody logged in on the way here
        return redirect(channel)
    if channel.owner_id == request.user.pk:
        raise PermissionDenied("This is your own channel: others can follow it.")
    following, created = Follow.objects.get_or_create(user=request.user, channel=channel)
    if not created:
        following.delete()
    if request.headers.get("HX-Request"):
        return render(request, "accounts/follow.html", {"channel": channel, **follow_context(channel, request.user)})
    return redirect(channel)


def follow_context(channel: Channel, user: User | AnonymousUser) -> dict[str, object]:
    return {
        "followers": channel.followers.count(),
        "is_following": user.is_authenticated and channel.followers.filter(user=user).exists(),
    }


@sensitive_post_parameters("password")
def first_administrator(request: HttpRequest, token: str) -> HttpResponse:
    if not settings.FIRST_ADMIN_TOKEN or not secrets.compare_digest(token.encode(), settings.FIRST_ADMIN_TOKEN.encode()):
        raise Http404
    refuse_second_administrator()
    form = StreamerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, make_first_administrator(**form.cleaned_data), backend=BACKEND)
        return redirect("dashboard")
    return render(request, "accounts/first_administrator.html", {"form": form})


@transaction.atomic
def make_first_administrator(email: str, password: str, channel: str) -> User:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ADMINISTRATOR_LOCK])
    refuse_second_administrator()
    return User.objects.create_streamer(email, password, channel, is_staff=True, is_superuser=True)


def refuse_second_administrator() -> None:
    if User.objects.filter(is_superuser=True).exists():
        raise Http404
