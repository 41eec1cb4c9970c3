"""Dark, light, or as the reader's system has it: a cookie, so that the first paint is right already."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

COOKIE = "theme"
AUTO = "auto"
THEMES = {AUTO: gettext_lazy("System"), "light": gettext_lazy("Light"), "dark": gettext_lazy("Dark")}
KEPT_FOR = dt.timedelta(days=365)


def of(request: HttpRequest) -> str:
    theme = request.COOKIES.get(COOKIE, AUTO)
    return theme if theme in THEMES else AUTO


@csrf_exempt  # nothing is at stake, and a token would give every stranger a cookie
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """For pages without scripts; with them static/js/site.js writes the cookie itself."""
    theme, back = request.POST.get("theme"), request.POST.get("next", "")
    if theme not in THEMES:
        return HttpResponseBadRequest(_("There is no such theme: choose auto, light or dark."), content_type="text/plain")
    response = redirect(back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "home")
    response.set_cookie(COOKIE, theme, max_age=KEPT_FOR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response
