from __future__ import annotations

import datetime as dt

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def until(start: dt.datetime, end: dt.datetime) -> dt.timedelta:
    return end - start


@register.filter
def in_hours(length: dt.timedelta | None) -> str:
    """ "1 h 23 min"; nothing of what is not known."""
    if length is None:
        return ""
    hours, minutes = divmod(max(round(length.total_seconds() / 60), 1), 60)
    words = {"hours": hours, "minutes": minutes}
    return _("%(hours)d h %(minutes)d min") % words if hours else _("%(minutes)d min") % words
