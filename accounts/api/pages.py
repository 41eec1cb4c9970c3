"""Lists come a page at a time."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination

from accounts.api.strict import Strict

PER_PAGE, MOST_PER_PAGE, LAST_PAGE = 24, 100, 10_000


class Pages(PageNumberPagination):
    page_size = PER_PAGE
    page_size_query_param = "page_size"
    max_page_size = MOST_PER_PAGE


class Paged(Strict):
    """What every list may be asked."""

    page = serializers.IntegerField(min_value=1, max_value=LAST_PAGE, required=False)
    page_size = serializers.IntegerField(min_value=1, max_value=MOST_PER_PAGE, required=False)
