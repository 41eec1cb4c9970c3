from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from accounts.models import Channel, User
from interactions import rules, text
from interactions.rules import Settings

# Chats are in all languages: words are compared as they are.
SEARCH = SearchVector("text", config="simple")


def default_emoji() -> list[str]:
    return list(rules.EMOJI)


class RoomSettings(models.Model):
    """The rules of a channel's room; what they mean is in `rules`."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="room")
    slow_s = models.PositiveIntegerField(default=0)
    followers_only_s = models.PositiveIntegerField(null=True, blank=True)
    emote_only = models.BooleanField(default=False)
    hold_links = models.CharField(max_length=10, default="untrusted", choices=[(v, v) for v in ("untrusted", "nobody")])
    shield = models.BooleanField(default=False)
    delay_to_picture = models.BooleanField(default=True)
    emoji = models.JSONField(default=default_emoji)
    domains = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "room settings"
        permissions: ClassVar = [("moderate_site", "Can moderate every chat of the site")]

    def __str__(self) -> str:
        return f"the room of {self.channel}"

    def rules(self) -> Settings:
        names = (name for name in Settings.__slots__ if name != "terms")
        fields = {name: getattr(self, name) for name in names}
        return Settings.of(fields, {"terms": BlockedTerm.in_force(self.channel_id)})


class RoomRole(models.Model):
    class Role(models.TextChoices):
        MODERATOR = "mod", "moderator"
        VIP = "vip", "VIP"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="room_roles")
    role = models.CharField(max_length=4, choices=Role)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "user"], name="one_role_per_user_and_room")]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} of {self.channel}"


class Restriction(models.Model):
    """Keeps a user from writing: in one room, or (no channel) on the whole site. The latest word counts."""

    class Kind(models.TextChoices):
        TIMEOUT = "timeout", "timeout"
        BAN = "ban", "ban"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="restrictions")
    channel = models.ForeignKey(
        Channel,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="restrictions",
        help_text="Empty: the whole site.",
    )
    kind = models.CharField(max_length=8, choices=Kind)
    until = models.DateTimeField(null=True, blank=True, help_text="UTC. Only a timeout has an end.")
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "channel"], nulls_distinct=False, name="one_restriction_per_user_and_room"),
            models.CheckConstraint(
                condition=Q(kind="ban", until=None) | Q(kind="timeout", until__isnull=False), name="only_timeouts_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.user} {f'in {self.channel}' if self.channel else 'on the site'}"

    @staticmethod
    def in_force(now: dt.datetime) -> Q:
        return Q(until=None) | Q(until__gt=now)

    @property
    def code(self) -> str:
        """What its user is answered."""
        if self.kind == self.Kind.TIMEOUT:
            return "timeout"
        return "banned" if self.channel_id else "site_banned"


def at_least_one_word(term: str) -> None:
    if not text.words(term):
        raise ValidationError("Use at least one letter, digit or emoji.", code="no_word")


class BlockedTerm(models.Model):
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.CASCADE, related_name="terms", help_text="Empty: the whole site."
    )
    text = models.CharField(max_length=100, validators=[at_least_one_word])
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "text"],
                nulls_distinct=False,
                name="each_term_once",
                violation_error_message="This term is blocked already.",
            )
        ]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def in_force(cls, channel_id: int) -> list[str]:
        terms = cls.objects.filter(Q(channel=channel_id) | Q(channel=None))
        return sorted(set(terms.values_list("text", flat=True)))


class HeldMessage(models.Model):
    """Waits for a moderator, out of everybody's sight."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        APPROVED = "approved", "approved"
        DENIED = "denied", "denied"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="held")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="held")
    text = models.CharField(max_length=500)
    re = models.BigIntegerField(null=True)
    media = models.BigIntegerField(null=True)
    nonce = models.CharField(max_length=32)
    reason = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "user", "nonce"], name="held_once")]
        indexes: ClassVar = [models.Index(fields=["channel", "at"], condition=Q(state="waiting"), name="waiting")]


class Report(models.Model):
    """A message as it was, with what was said before: kept whatever becomes of them."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        DISMISSED = "dismissed", "dismissed"
        ACTED = "acted", "acted upon"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="reports")
    epoch = models.CharField(max_length=16)
    n = models.BigIntegerField()
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name="author")
    author = models.CharField(max_length=40, help_text="What the author was called then.")
    text = models.CharField(max_length=500, verbose_name="message")
    said_at = models.DateTimeField()
    context = models.JSONField(default=list, help_text="The ten messages before it.")
    reason = models.CharField(max_length=300, blank=True)
    reporter = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="reports")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    at = models.DateTimeField(verbose_name="reported at")
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)
    handled_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    handled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "report of a message"
        verbose_name_plural = "reports of messages"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "epoch", "n", "reporter"], name="one_report_per_reporter")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "at"])]

    def __str__(self) -> str:
        return f"{self.author} in {self.channel}: {self.text[:60]}"


class MessageQuerySet(models.QuerySet["Message"]):
    def saying(self, words: str) -> MessageQuerySet:
        """With these words ("two of them" together, -without one), by the text index."""
        return self.annotate(search=SEARCH).filter(search=SearchQuery(words, config="simple", search_type="websearch"))


class Message(models.Model):
    """The archive. Only `archive` writes it, from what Redis has kept for it."""

    class State(models.TextChoices):
        VISIBLE = "visible", "visible"
        DELETED = "deleted", "deleted"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages", db_index=False)
    epoch = models.CharField(max_length=16)
    n = models.BigIntegerField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="messages", db_index=False)
    text = models.CharField(max_length=500)
    at = models.DateTimeField()
    media = models.BigIntegerField(null=True, help_text="Unix ms of the picture that its author was seeing.")
    re = models.BigIntegerField(null=True, help_text="The number of the message that it answers.")
    state = models.CharField(max_length=8, choices=State, default=State.VISIBLE)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "epoch", "n"], name="each_message_once")]
        indexes: ClassVar = [
            GinIndex(SEARCH, name="message_text"),
            models.Index(fields=["channel", "-at"]),
            models.Index(fields=["user", "-at"]),
            models.Index(fields=["-at"]),
        ]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def user_name(self) -> str:
        return self.user.channel.name if hasattr(self.user, "channel") else f"user-{self.user_id}"
