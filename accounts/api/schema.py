"""How the API describes itself: each operation with its scope, and with the problems that it can answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiResponse
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from accounts.api.scopes import scope_of

PROBLEM = "application/problem+json"


class FaultSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="Its name, with dots to what lies within; empty: the whole.")
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. `detail` says what is wrong and what to do."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FaultSerializer(  # type: ignore[assignment]  # the stubs mean what a serializer found
        many=True, required=False, help_text="What is wrong with each field."
    )


PROBLEMS = {
    "400": "What was sent is not what is described here.",
    "401": "No account: no token, or one that does not count.",
    "403": "Not for this account, or not in the token's scopes.",
    "404": "There is none.",
    "409": "Not now.",
    "422": "Of the right form, but it cannot be done.",
    "429": "Too many requests. `Retry-After` says how many seconds to wait.",
    "503": "A store does not answer. Try again in a minute.",
    "default": "Any other problem.",
}


class Schema(AutoSchema):
    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        words: str = super().get_description()
        if AllowAny in map(type, self.view.get_permissions()) or not self.view.get_permissions():
            return words
        return f"{words}\n\nScope: `{scope_of(self.view, self.method)}`".strip()

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.method == "GET" and getattr(self.view, "lists", False)

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        for code, words in PROBLEMS.items():
            found.setdefault(code, self._problem(code, words, direction))
        return found

    def _problem(self, code: str, words: str, direction: Direction) -> dict[str, Any]:
        response = OpenApiResponse(ProblemSerializer, description=words)
        described: dict[str, Any] = self._get_response_for_code(response, code, [PROBLEM], direction)
        return described


class StrictExtension(OpenApiSerializerExtension):
    target_class = "accounts.api.strict.Strict"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        described: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return described | {"additionalProperties": False, "description": ""}


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        words = "A token from Account, Tokens, as `Authorization: Bearer api_…`. Each operation says which scope it needs."
        return {"type": "http", "scheme": "bearer", "description": words}
