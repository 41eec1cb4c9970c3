from __future__ import annotations

import datetime as dt
import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Channel
from streams.documents import StreamKey

UNITS = {"h": "hours", "d": "days"}


class Command(BaseCommand):
    help = "Makes a stream key for a channel and prints it: this is the only time that it can be seen."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the channel's name")
        parser.add_argument("--label", default="", help="what the key is for, at most 60 characters")
        parser.add_argument(
            "--expires", type=lifetime, metavar="24h", help="how long it is good for: 24h, 7d (default: for ever)"
        )

    def handle(self, *args: Any, name: str, label: str, expires: dt.timedelta | None, **options: Any) -> None:
        channel = Channel.objects.filter(name=name).first()
        if channel is None:
            raise CommandError(f"There is no channel {name}. Make it first: manage.py create_channel {name} --email …")
        if len(label) > StreamKey.label.max_length:
            raise CommandError(f"The label is too long: give at most {StreamKey.label.max_length} characters.")
        now = timezone.now()
        _, text = StreamKey.issue(channel.pk, now, label, now + expires if expires else None)
        self.stdout.write(text)


def lifetime(text: str) -> dt.timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is no lifetime: give hours or days, as in 24h or 7d")
    return dt.timedelta(**{UNITS[found[2]]: int(found[1])})
