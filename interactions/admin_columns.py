"""What several lists of the administration show."""

from __future__ import annotations

import datetime as dt

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import ModAction, User
from interactions.models import BlockedTerm, Message, Report, Restriction
from interactions.standing import name_of


@admin.display(description="UTC", ordering="at")
def when(one: ModAction | Message | Report) -> SafeString:
    return format_html('<span class="moment">{}</span>', f"{one.at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}")


@admin.display(description=_("room"), ordering="channel__name")
def room(one: Restriction | BlockedTerm) -> str:
    return one.channel.name if one.channel else gettext("the whole site")


def person(user: User | None) -> str:
    return name_of(user) if user else gettext("an account that is gone")
