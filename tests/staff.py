"""How tests get into the administration: in one place."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from streams.management.commands.init import ADMINISTRATORS, MODERATORS, make_roles
from tests.cast import join


def enter(client: Client, user: User) -> Client:
    """Signed in with all that the administration asks for."""
    client.force_login(user)
    return client


def member(name: str, group: str) -> User:
    """Of the site's team, by this group alone."""
    make_roles()
    user = join(name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def moderator(name: str = "erin") -> User:
    return member(name, MODERATORS)


def administrator(name: str = "frank") -> User:
    return member(name, ADMINISTRATORS)
