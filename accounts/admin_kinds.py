"""Kinds of pages in the administration."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class Kept(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """What nobody adds, changes or deletes here; actions on it are for who may change it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """There is nothing to save, and something to do."""
        rendered: Any = super().render_change_form(request, context, *args, **kwargs)
        rendered.context_data["may_act"] = self.has_change_permission(request)
        return rendered
