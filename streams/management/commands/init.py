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
from django.db import connection, transaction
from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import Category, Role
from streams.documents import StreamKey, StreamMetadata

DOCUMENTS: list[type[me.Document]] = [StreamKey, StreamMetadata]
OURS = ("accounts", "streams", "interactions")
MODERATORS, ADMINISTRATORS = "Site moderators", "Administrators"
# What moderators may; administrators may whatever concerns the site itself.
MODERATE = {
    "accounts": "view_user ban_user view_channel change_channel suspend_channel rename_channel view_modaction",
    "streams": "view_broadcast change_broadcast view_channelreport change_channelreport view_scheduledbroadcast"
    " delete_scheduledbroadcast",
    "interactions": "moderate_site view_report change_report view_message change_message view_heldmessage change_heldmessage"
    " view_restriction add_restriction delete_restriction view_blockedterm add_blockedterm delete_blockedterm",
}

CATEGORIES = {
    "games": "Games",
    "music": "Music",
    "art": "Art",
    "talk": "Talk",
    "coding": "Coding",
    "sports": "Sports",
    "science": "Science",
    "cooking": "Cooking",
    "making": "Making",
    "learning": "Learning",
    "news": "News",
    "outdoors": "Outdoors",
}


class Command(BaseCommand):
    help = (
        "Brings the stores up to date: tables, job schema, MongoDB's indexes, roles, categories, static files. Safe to repeat."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        for document in DOCUMENTS:
            document.ensure_indexes()
        make_roles()
        make_categories()
        collect_static()
        if not get_user_model().objects.filter(is_superuser=True).exists():
            self.stdout.write(first_administrator())


def migrate() -> None:
    """Some migrations take longer than any request may."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = '60s'")
    call_command("migrate", interactive=False, verbosity=0)


def make_roles() -> None:
    """Each gets once what a version brings: what an administrator has taken away from a group stays away."""
    give(MODERATORS, {f"{app}.{name}" for app, names in MODERATE.items() for name in names.split()})
    give(ADMINISTRATORS, {code(one) for one in permissions().filter(content_type__app_label__in=OURS)})


@transaction.atomic
def give(name: str, wanted: set[str]) -> None:
    group, _ = Group.objects.get_or_create(name=name)
    role, _ = Role.objects.select_for_update().get_or_create(group=group)
    fresh = wanted - set(role.given)
    group.permissions.add(*(one for one in permissions() if code(one) in fresh))
    role.given = sorted(wanted | set(role.given))
    role.save()


def permissions() -> QuerySet[Permission]:
    return Permission.objects.select_related("content_type")


def code(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def make_categories() -> None:
    """The first time alone: from then on they are the administrators'."""
    if not Category.objects.exists():
        Category.objects.bulk_create([Category(slug=slug, name=name) for slug, name in CATEGORIES.items()])


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
