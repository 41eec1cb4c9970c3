"""The reader's language: what their browser asks for, or a cookie once they have chosen; and the words that scripts say."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from functools import cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_POST
from django.views.i18n import JavaScriptCatalog, set_language

KEPT_FOR = dt.timedelta(days=365)


@csrf_exempt  # a token would give every stranger a cookie; browsers say themselves whether another site asks
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    code = request.POST.get("language", "")
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return HttpResponseForbidden(_("Choose the language on this site's own pages."), content_type="text/plain")
    if code not in dict(settings.LANGUAGES):
        return HttpResponseBadRequest(_("This site does not speak that language."), content_type="text/plain")
    if request.user.is_authenticated:
        request.user.language = code  # for mails
        request.user.save(update_fields=["language"])
    return set_language(request)


class Catalogue(JavaScriptCatalog):
    """The site's own words alone, without those of Django's administration."""

    def get_paths(self, packages: Sequence[str]) -> list[str]:
        return [str(path) for path in settings.LOCALE_PATHS]


@gzip_page
@require_GET
def words(request: HttpRequest, code: str, version: str) -> HttpResponseBase:
    if code not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(code):
        response = Catalogue.as_view()(request)
    response["Content-Language"] = code
    if version == _version(code):  # not so while servers of two versions answer
        patch_cache_control(response, public=True, max_age=int(KEPT_FOR.total_seconds()))
    return response


def words_url(code: str) -> str | None:
    """None where scripts say what is written in them."""
    return None if code == settings.LANGUAGE_CODE else reverse("words", args=[code, _version(code)])


@cache
def _version(code: str) -> str:
    files = (path / code / "LC_MESSAGES/djangojs.mo" for path in settings.LOCALE_PATHS)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.exists())).hexdigest()[:12]
