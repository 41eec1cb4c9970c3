from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.forms import StreamerForm
from accounts.models import User


class Command(BaseCommand):
    help = "Makes an account with its channel. The password is read from standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the channel's name: 3 to 30 lower-case letters, digits or underscores")
        parser.add_argument("--email", required=True, help="what its owner logs in with")

    def handle(self, *args: Any, name: str, email: str, **options: Any) -> None:
        form = StreamerForm({"email": email, "channel": name, "password": read_password()})
        if not form.is_valid():
            raise CommandError(" ".join(f"{field}: {' '.join(map(str, errors))}" for field, errors in form.errors.items()))
        user = User.objects.create_streamer(**form.cleaned_data)
        self.stdout.write(f"Made the channel {settings.PUBLIC_URL}{user.channel.get_absolute_url()}")


def read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
