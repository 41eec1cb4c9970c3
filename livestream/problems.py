"""Every error under /api/ is a problem in the sense of RFC 9457, whoever finds it."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from rest_framework.exceptions import APIException, NotAcceptable, NotFound, ParseError, ValidationError
from rest_framework.exceptions import PermissionDenied as NotAllowed
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.api.schema import PROBLEM
from accounts.api.strict import TooLarge

log = logging.getLogger(__name__)


def problem(status: int, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}


# --- what views of the API raise ------------------------------------------------------------------------------------------


def handle(error: Exception, context: dict[str, Any]) -> Response:
    known = translated(error)
    if known.status_code >= 500:
        log.error("%s: %s", context["request"].path, known.detail, exc_info=error)
    set_rollback()
    return Response(described(known), known.status_code, headers=headers(known), content_type=PROBLEM)


def translated(error: BaseException) -> APIException:
    if isinstance(error, APIException):
        return error
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return NotAllowed(str(error) or None)
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, SuspiciousOperation):
        return ParseError()
    if isinstance(error, OperationalError | InterfaceError | PyMongoError | RedisError):
        return Unavailable()
    return APIException(_("Something went wrong here, and was written down. Try again later."))


class Unavailable(APIException):
    status_code = 503
    default_code = "unavailable"
    wait = 60  # seconds

    def __init__(self) -> None:
        super().__init__(_("A database does not answer. Try again in a minute."))


class Busy(APIException):
    status_code = 503
    default_code = "busy"
    wait = 5  # seconds

    def __init__(self) -> None:
        super().__init__(_("Too many ask at once. Try again in a few seconds."))


def described(error: APIException) -> dict[str, Any]:
    if isinstance(error, ValidationError):
        faults = [{"field": field, "detail": words} for field, words in flat(error.detail)]
        first = faults[0]
        words = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
        return problem(error.status_code, words, errors=faults)
    if isinstance(error, NotAcceptable):
        return problem(error.status_code, _("Only application/json can be had."))
    return problem(error.status_code, str(error.detail))


def flat(detail: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Each fault with the name of its field; what concerns the whole has none."""
    if isinstance(detail, Mapping):
        for name, below in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from flat(below, ".".join(filter(None, (field, own))))
    elif isinstance(detail, list):
        for below in detail:
            yield from flat(below, field)
    else:
        yield field, str(detail)


def headers(error: APIException) -> dict[str, str]:
    found = {}
    if challenge := getattr(error, "auth_header", None):
        found["WWW-Authenticate"] = challenge
    wait = getattr(error, "wait", None)
    if wait is not None:
        found["Retry-After"] = str(math.ceil(wait))
    return found


# --- what is found before a view, or by none ------------------------------------------------------------------------------


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def answer(status: int, detail: str) -> JsonResponse:
    return JsonResponse(problem(status, detail), status=status, content_type=PROBLEM)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(400, _("This request cannot be understood."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(403, _("You may not do that."))
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(404, _("There is nothing at this address. /api/docs/ lists what there is."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """For the error that is being handled."""
    return failed(request, translated(sys.exc_info()[1] or Exception()))


def busy(request: HttpRequest) -> HttpResponse:
    """Before any middleware."""
    response = failed(request, Busy())
    response["Cache-Control"] = "no-store"
    return response


def failed(request: HttpRequest, known: APIException) -> HttpResponse:
    response = answer(known.status_code, str(known.detail)) if is_api(request) else defaults.server_error(request)
    response.status_code = known.status_code
    for name, value in headers(known).items():
        response[name] = value
    return response
