"""What the site keeps of a person: handed out as a file, and forgotten with the account.

Other apps add what they keep, in modules of this name: a function to `exporters`, a receiver to `leaving` or `forgotten`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.db import transaction
from django.dispatch import Signal

from accounts.models import Channel, User
from accounts.profile import forget

# Before anything is deleted, outside of any transaction: a receiver that raises keeps the account. With `user`.
leaving = Signal()
# Within the transaction that deletes the account, before it does. With `user`.
forgotten = Signal()

exporters: dict[str, Callable[[User], Any]] = {}


class Unavailable(Exception):
    """A store that keeps something of the person does not answer: nothing is handed out, nothing deleted."""


def export(user: User) -> dict[str, Any]:
    return {name: collect(user) for name, collect in exporters.items()}


def delete(user: User) -> None:
    """Raises Unavailable; then the account is as it was, but for a broadcast that has ended."""
    leaving.send(User, user=user)
    for session in UserSession.objects.filter(user=user):
        session.end()
    with transaction.atomic():
        forgotten.send(User, user=user)
        channel = Channel.objects.filter(owner=user).first()
        if channel:
            forget(channel.avatar.name)
            forget(channel.poster.name)
        AccessAttempt.objects.filter(username=user.email).delete()
        user.delete()


def is_last_administrator(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


# --- what accounts keep ---------------------------------------------------------------------------------------------------


def account(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "joined": user.date_joined,
        "language": user.language,
        "last_login": user.last_login,
        "staff": user.is_staff,
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "second_factors": list(Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")),
    }


def channel(user: User) -> dict[str, Any] | None:
    found = Channel.objects.filter(owner=user).select_related("category").first()
    if found is None:
        return None
    plain = ("name", "title", "latency", "description", "language", "tags", "links", "created_at")
    pictures = {name: getattr(found, name).name or None for name in ("avatar", "poster")}
    return {name: getattr(found, name) for name in plain} | {"category": found.category and found.category.name} | pictures


def follows(user: User) -> list[dict[str, Any]]:
    return [
        {"channel": follow.channel.name, "by_mail": follow.by_mail, "since": follow.created_at}
        for follow in user.follows.select_related("channel").order_by("pk")
    ]


def sessions(user: User) -> list[dict[str, Any]]:
    return list(UserSession.objects.filter(user=user).values("created_at", "last_seen_at", "ip", "user_agent"))


def tokens(user: User) -> list[dict[str, Any]]:
    return list(user.auth_token_set.values("token_key", "name", "scopes", "created", "expiry", "last_used_at"))


exporters |= {"account": account, "channel": channel, "follows": follows, "sessions": sessions, "tokens": tokens}
