"""Input is what the description says, or refused with a message: nothing is guessed, converted or left out in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import JSONParser

LARGEST = 65_536  # bytes of a body


class TooLarge(APIException):
    status_code = 413
    default_detail = gettext_lazy("The body is too large: 64 KiB at most.")
    default_code = "too_large"


class Unprocessable(APIException):
    """What is asked has the right form, and cannot be done."""

    status_code = 422
    default_code = "unprocessable"


class Conflict(APIException):
    """What is asked could be done at another time."""

    status_code = 409
    default_code = "conflict"


class Parser(JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise TooLarge
        try:
            return json.loads(body.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("This is not JSON: {}").format(error)) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class Strict(serializers.Serializer[Any]):
    """Refuses fields that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            if unknown := sorted(map(str, data.keys() - set(known))):
                words = _("Unknown field. There are: {}.").format(", ".join(known)) if known else _("No fields are expected.")
                raise ValidationError(dict.fromkeys(unknown, [words]))
        return super().to_internal_value(data)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)
