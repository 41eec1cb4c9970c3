"""Where somebody is logged in, and how they end that from afar."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.requests import SignedInRequest


@login_required
@require_POST
def end(request: SignedInRequest, pk: int) -> HttpResponse:
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    if session.is_current():
        messages.error(request, _("This is the session that you are in: log out to end it."))
    else:
        session.end()
        messages.success(request, _("That session has ended."))
    return redirect("usersessions_list")
