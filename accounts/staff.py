"""Who administers the site proves it with more than a password."""

from __future__ import annotations

from collections.abc import Callable

from allauth.core.internal.httpkit import get_client_ip
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class SecondFactor:
    """Sends staff without one to where it is made, before the administration opens."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.STAFF_SECOND_FACTOR and request.path.startswith(reverse("admin:index")) and lacks(request):
            messages.warning(
                request, _("The administration needs a second factor: add an authenticator app or a passkey here.")
            )
            return redirect("mfa_index")
        return self.get_response(request)


def lacks(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_staff and not is_mfa_enabled(request.user, SECOND_FACTORS)


def address(request: HttpRequest) -> str | None:
    """Where a request comes from, as the edge says."""
    return get_client_ip(request)


def account(request: HttpRequest, credentials: dict[str, str] | None) -> str | None:
    """Which account a login is for, however its address was written."""
    email = (credentials or {}).get(settings.AXES_USERNAME_FORM_FIELD)
    return email.lower() if email else None
