"""Filters that one types into, and lists that are too long to be counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.models import Channel, User

COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts no further than anybody turns pages."""

    @cached_property
    def count(self) -> int:
        found: Any = self.object_list
        return int(found[:COUNTED].count())


class InputFilter(admin.SimpleListFilter):
    template = "admin/interactions/input_filter.html"
    input_type = "text"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("", "")]  # without any it would not be shown

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """What else is asked for, and stays so."""
        others = {name: value for name, value in changelist.params.items() if name not in (self.parameter_name, PAGE_VAR)}
        if changelist.query:
            others["q"] = changelist.query
        yield others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return self.find(queryset, value) if value else queryset

    def find(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        raise NotImplementedError


class UserFilter(InputFilter):
    title = _("user: name or e-mail")
    parameter_name = "by"

    def find(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        value = value.lower().removeprefix("@")
        found = User.objects.filter(Q(channel__name=value) | Q(email=value)).values_list("pk", flat=True)
        return queryset.filter(user__in=list(found))


class ChannelFilter(InputFilter):
    title = _("channel")
    parameter_name = "in"

    def find(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        found = Channel.objects.filter(name=value.lower().removeprefix("@")).values_list("pk", flat=True)
        return queryset.filter(channel__in=list(found))


class DayFilter(InputFilter):
    input_type = "date"

    def find(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        try:
            day = dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error
        return self.near(queryset, day)

    def near(self, queryset: QuerySet[Any], day: dt.datetime) -> QuerySet[Any]:
        raise NotImplementedError


class SinceFilter(DayFilter):
    title = _("first day (UTC)")
    parameter_name = "since"

    def near(self, queryset: QuerySet[Any], day: dt.datetime) -> QuerySet[Any]:
        return queryset.filter(at__gte=day)


class UntilFilter(DayFilter):
    title = _("last day (UTC)")
    parameter_name = "until"

    def near(self, queryset: QuerySet[Any], day: dt.datetime) -> QuerySet[Any]:
        return queryset.filter(at__lt=day + dt.timedelta(days=1))
