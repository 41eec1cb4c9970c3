from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import mongoengine as me
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.urls import reverse

from streams.documents import StreamKey, StreamMetadata

DOCUMENTS: list[type[me.Document]] = [StreamKey, StreamMetadata]
ROLES = {
    "moderators": ["view_user", "view_channel", "view_broadcast", "change_broadcast"],
}


class Command(BaseCommand):
    help = "Brings the stores up to date: tables, job schema, MongoDB's indexes, roles, static files. Safe to repeat."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        for document in DOCUMENTS:
            document.ensure_indexes()
        make_roles()
        collect_static()
        if not get_user_model().objects.filter(is_superuser=True).exists():
            self.stdout.write(first_administrator())


def migrate() -> None:
    """Some migrations take longer than any request may."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = '60s'")
    call_command("migrate", interactive=False, verbosity=0)


def make_roles() -> None:
    for name, codenames in ROLES.items():
        group, created = Group.objects.get_or_create(name=name)
        if created:  # an administrator may have changed it since
            group.permissions.set(Permission.objects.filter(codename__in=codenames))


def collect_static() -> None:
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    wanted = static_fingerprint()
    if not stamp.exists() or stamp.read_text() != wanted:
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(wanted)


def static_fingerprint() -> str:
    """Changes when a static file of the site or of an installed app comes, goes or changes."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            digest.update(f"{path} {storage.size(path)} {storage.get_modified_time(path).timestamp()}\n".encode())
    return digest.hexdigest()


def first_administrator() -> str:
    if not settings.FIRST_ADMIN_TOKEN:
        return "There is no administrator: make one with manage.py createsuperuser."
    link = settings.PUBLIC_URL + reverse("first_administrator", args=[settings.FIRST_ADMIN_TOKEN])
    return f"Open this link, once, to become the administrator: {link}"
