"""What a token is for. A session of the site's own pages is for everything; it proves itself by CSRF tokens instead."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken

READING = ("GET", "HEAD")


def scope_of(view: Any, method: str) -> str:
    """READ, unless the view's `scopes` say otherwise; one that writes and says nothing is an error."""
    scopes: dict[str, str] = getattr(view, "scopes", {})
    return scopes.get("GET", ApiToken.Scope.READ) if method in READING else scopes[method]


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        wanted = scope_of(view, str(request.method))
        self.message = _("This token lacks the scope “{}”. Make one that has it.").format(wanted)
        return wanted in request.auth.scopes
