"""What views of the API have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scopes import HasScope
from accounts.api.strict import Strict


class ApiView(GenericAPIView[Any]):
    """For whoever has an account."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    scopes: ClassVar[dict[str, str]] = {}
    lists: ClassVar[bool] = False  # whether a GET answers with pages

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request)  # before anybody is asked who they are
        super().initial(request, *args, **kwargs)

    @property
    def user(self) -> Any:
        """Who asks: of views for whoever has an account, a User."""
        return self.request.user

    def given(self, form: type[Strict], **options: Any) -> dict[str, Any]:
        """What the body says."""
        return _valid(form(data=self.request.data, **options))

    def asked(self, form: type[Strict]) -> dict[str, Any]:
        """What the address says after its question mark."""
        return _valid(form(data=self.request.query_params.dict()))

    def listed(self, rows: Any, show: Any = None) -> Response:
        """One page of ROWS; SHOW makes of them what the serializer shows."""
        page = self.paginate_queryset(rows)
        shown = show(page) if show else page
        return self.get_paginated_response(self.get_serializer(shown, many=True).data)


class OpenView(ApiView):
    """For everybody to read."""

    permission_classes = (IsAuthenticatedOrReadOnly, HasScope)


def _valid(form: Strict) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)
