"""How often one may sign up, log in, guess, and change what an account hangs on, in the place of allauth's limits.

Too often is a page of its own; while Redis is away nobody can be counted, and nobody tries (503).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, NamedTuple

from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, URLResolver

from accounts.models import User
from accounts.staff import address
from streams.addresses import network
from streams.limits import Limit

SAFE = ("GET", "HEAD", "OPTIONS")
WhoOf = Callable[[HttpRequest], str | None]
Limits = list[tuple[Limit, WhoOf]]
View = Callable[..., HttpResponseBase]


def closed(name: str, rate: str) -> Limit:
    return Limit(name, rate, open_without_redis=False)


FAILURES_FROM = closed("failed logins of an address", "10/minute")
FAILURES_OF = closed("failed logins of an account", "5/5 minutes")
CONFIRMATIONS = closed("mails to confirm an address", "1/3 minutes")


def by_address(request: HttpRequest) -> str:
    return network(address(request) or "")


def by_user(request: HttpRequest) -> str | None:
    """None for whoever is not logged in: the pages send them to the login."""
    return str(request.user.pk) if request.user.is_authenticated else None


def by_email(request: HttpRequest) -> str | None:
    email = request.POST.get("email", "").strip()
    return hidden(email) if email else None


def hidden(email: str) -> str:
    """Redis keeps nobody's address."""
    return hashlib.sha256(email.lower().encode()).hexdigest()


# By the names of the addresses that they are posted to.
PASSWORDS: Limits = [(closed("new passwords", "5/minute"), by_user)]
PROOFS: Limits = [(closed("proofs of who it is", "10/minute"), by_user)]
POSTS: dict[str, Limits] = {
    "account_signup": [(closed("sign-ups", "20/minute"), by_address)],
    "account_login": [(closed("logins", "30/minute"), by_address)],
    "mfa_login_webauthn": [(closed("logins with a passkey", "10/minute"), by_address)],
    "account_reauthenticate": PROOFS,
    "mfa_reauthenticate": PROOFS,
    "mfa_reauthenticate_webauthn": PROOFS,
    "account_email": [(closed("changes of an address", "10/minute"), by_user)],
    "account_change_password": PASSWORDS,
    "account_set_password": PASSWORDS,
    "account_reset_password": [
        (closed("forgotten passwords of an address", "20/minute"), by_address),
        (closed("forgotten passwords of an account", "5/minute"), by_email),
    ],
    "account_reset_password_from_key": [(closed("passwords by mail", "20/minute"), by_address)],
}


def limited(urls: str) -> list[URLPattern | URLResolver]:
    """The patterns of a URLconf, with POSTS in force."""
    return [_limited(each) for each in import_module(urls).urlpatterns]


def _limited(each: URLPattern | URLResolver) -> URLPattern | URLResolver:
    if isinstance(each, URLResolver):
        below = [_limited(pattern) for pattern in each.url_patterns]
        return URLResolver(each.pattern, below, each.default_kwargs, each.app_name, each.namespace)
    if each.name not in POSTS:
        return each
    return URLPattern(each.pattern, _counted(each.callback, POSTS[each.name]), each.default_args, each.name)


def _counted(view: View, limits: Limits) -> View:
    @wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in SAFE:
            for limit, who_of in limits:
                if who := who_of(request):
                    count(request, limit, who)
        return view(request, *args, **kwargs)

    return counted


def count(request: HttpRequest, limit: Limit, who: str) -> None:
    """Raises ImmediateHttpResponse: allauth answers with what is in it, wherever that is raised."""
    if not limit.hit(who):
        raise ImmediateHttpResponse(_too_often(request, limit.wait_s(who)))


def _too_often(request: HttpRequest, wait_s: float) -> HttpResponse:
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return response


class Guess(NamedTuple):
    """At an account's password or code: it counts as a failed login until it was right."""

    address: str
    account: str

    @classmethod
    def begun(cls, request: HttpRequest, account: str) -> Guess:
        guess = cls(by_address(request), account)
        count(request, FAILURES_FROM, guess.address)
        count(request, FAILURES_OF, guess.account)
        return guess

    @classmethod
    def at_second_factor(cls, request: HttpRequest, user: User) -> Guess:
        return cls.begun(request, f"second factor {user.pk}")

    def was_right(self) -> None:
        """Only this one is taken back: else a login of one's own now and then would let anybody guess on."""
        FAILURES_FROM.give_back(self.address)
        FAILURES_OF.give_back(self.account)


def may_confirm(request: HttpRequest, email: str) -> bool:
    """Whether a mail goes there. Who asks for it on the account's page is told where not; at a sign-up or login an earlier one
    is on its way."""
    if request.user.is_authenticated:
        count(request, CONFIRMATIONS, hidden(email))
        return True
    return CONFIRMATIONS.hit(hidden(email))
