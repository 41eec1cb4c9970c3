import secrets

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from streams import logged


class NameRequests(MiddlewareMixin):
    """A name for each request, in its log lines and its answer: one that a client sends could be anybody's."""

    def process_request(self, request: HttpRequest) -> None:
        logged.note(request=secrets.token_hex(8))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response["X-Request-ID"] = logged.about()["request"]
        return response


class KeepOutOfCaches(MiddlewareMixin):
    """Pages hold names, keys and CSRF tokens: no cache keeps them unless a view says otherwise."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response
