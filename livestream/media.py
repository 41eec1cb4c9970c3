"""Serves what people have uploaded, after `accounts.pictures` has made it anew: each picture under a name of its own."""

from __future__ import annotations

import mimetypes
import re

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

PICTURE = re.compile(r"(avatars|posters|broadcasts)/[\w-]{8,80}\.(webp|jpg|jpeg|png)", re.ASCII)
# A browser keeps a picture; the edge lets go of it within the hour after its owner has taken it away.
CACHED = "public, max-age=31536000, immutable, s-maxage=3600"


@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponse:
    if not PICTURE.fullmatch(path):
        raise Http404
    try:
        with default_storage.open(path) as file:
            content = file.read()
    except OSError:
        raise Http404 from None
    response = HttpResponse(content, content_type=mimetypes.guess_type(path)[0])
    response["Cache-Control"] = CACHED
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
