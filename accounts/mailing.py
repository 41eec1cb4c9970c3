"""Mails about the channels that somebody follows: who wants them, and the link in each that turns them off."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.models import Channel, Follow, User

SALT = "accounts.mailing"


def wanted(channel: Channel) -> QuerySet[Follow]:
    """Follows whose user wants a mail and can be trusted to own the address."""
    found = Follow.objects.filter(channel=channel, by_mail=True, user__is_active=True).select_related("user")
    return found.filter(Exists(_confirmed(OuterRef("user_id"), OuterRef("user__email")))) if must_confirm() else found


def must_confirm() -> bool:
    return settings.ACCOUNT_EMAIL_VERIFICATION != "none"


def is_reached(user: User) -> bool:
    return not must_confirm() or _confirmed(user.pk, user.email).exists()


def _confirmed(user: object, email: object) -> QuerySet[EmailAddress]:
    return EmailAddress.objects.filter(user=user, email__iexact=email, verified=True)


def off_url(follow: Follow) -> str:
    return settings.PUBLIC_URL + reverse("mails_off", args=[signing.dumps(follow.pk, salt=SALT)])


@csrf_exempt  # the token is what allows it: mail programs send this form without a cookie (RFC 8058)
@require_http_methods(["GET", "HEAD", "POST"])
def off(request: HttpRequest, token: str) -> HttpResponse:
    """Asks; a POST turns the mails off, for whoever has the mail."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise Http404 from None
    follow = Follow.objects.filter(pk=pk).select_related("channel").first()
    if request.method == "POST" and follow:
        Follow.objects.filter(pk=pk).update(by_mail=False)
    done = request.method == "POST" or follow is None or not follow.by_mail
    return render(request, "accounts/mails_off.html", {"follow": follow, "done": done})
