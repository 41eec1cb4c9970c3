from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

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
        verbose_name = verbose_name_plural = _("room settings")
        permissions: ClassVar = [("moderate_site", "Can moderate every chat of the site")]

    def __str__(self) -> str:
        return gettext("the room of %(channel)s") % {"channel": self.channel}

    def rules(self) -> Settings:
        names = (name for name in Settings.__slots__ if name != "terms")
        fields = {name: getattr(self, name) for name in names}
        return Settings.of(fields, {"terms": BlockedTerm.in_force(self.channel_id)})


class RoomRole(models.Model):
    class Role(models.TextChoices):
        MODERATOR = "mod", _("moderator")
        VIP = "vip", _("VIP")

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="room_roles")
    role = models.CharField(max_length=4, choices=Role)

    class Meta:
        verbose_name = _("room role")
        verbose_name_plural = _("room roles")
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "user"], name="one_role_per_user_and_room")]

    def __str__(self) -> str:
        said = {"user": self.user, "role": self.get_role_display(), "channel": self.channel}
        return gettext("%(user)s is %(role)s of %(channel)s") % said


class Restriction(models.Model):
    """Keeps a user from writing: in one room, or (no channel) on the whole site. The latest word counts."""

    class Kind(models.TextChoices):
        TIMEOUT = "timeout", _("timeout")
        BAN = "ban", _("ban")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="restrictions", verbose_name=_("user"))
    channel = models.ForeignKey(
        Channel,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="restrictions",
        verbose_name=_("channel"),
        help_text=_("Empty: the whole site."),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("UTC. Only a timeout has an end."))
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("restriction")
        verbose_name_plural = _("restrictions")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "channel"], nulls_distinct=False, name="one_restriction_per_user_and_room"),
            models.CheckConstraint(
                condition=Q(kind="ban", until=None) | Q(kind="timeout", until__isnull=False), name="only_timeouts_end"
            ),
        ]

    def __str__(self) -> str:
        said = {"kind": self.get_kind_display(), "user": self.user, "channel": self.channel}
        words = gettext("%(kind)s of %(user)s in %(channel)s") if self.channel else gettext("%(kind)s of %(user)s on the site")
        return words % said

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
        raise ValidationError(gettext("Use at least one letter, digit or emoji."), code="no_word")


class BlockedTerm(models.Model):
    channel = models.ForeignKey(
        Channel,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="terms",
        verbose_name=_("channel"),
        help_text=_("Empty: the whole site."),
    )
    text = models.CharField(_("text"), max_length=100, validators=[at_least_one_word])
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("blocked term")
        verbose_name_plural = _("blocked terms")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "text"],
                nulls_distinct=False,
                name="each_term_once",
                violation_error_message=_("This term is blocked already."),
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
        WAITING = "waiting", _("waiting")
        APPROVED = "approved", _("approved")
        DENIED = "denied", _("denied")

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="held", verbose_name=_("channel"))
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="held", verbose_name=_("user"))
    text = models.CharField(_("text"), max_length=500)
    re = models.BigIntegerField(null=True)
    media = models.BigIntegerField(null=True)
    nonce = models.CharField(max_length=32)
    reason = models.CharField(_("reason"), max_length=20)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("held message")
        verbose_name_plural = _("held messages")
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "user", "nonce"], name="held_once")]
        indexes: ClassVar = [models.Index(fields=["channel", "at"], condition=Q(state="waiting"), name="waiting")]


class Report(models.Model):
    """A message as it was, with what was said before: kept whatever becomes of them."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        DISMISSED = "dismissed", _("dismissed")
        ACTED = "acted", _("acted upon")

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="reports", verbose_name=_("channel"))
    epoch = models.CharField(max_length=16)
    n = models.BigIntegerField()
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("author"))
    author = models.CharField(_("author"), max_length=40, help_text=_("What the author was called then."))
    text = models.CharField(max_length=500, verbose_name=_("message"))
    said_at = models.DateTimeField()
    context = models.JSONField(default=list, help_text=_("The ten messages before it."))
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    reporter = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="reports")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    at = models.DateTimeField(verbose_name=_("reported at"))
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)
    handled_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    handled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("report of a message")
        verbose_name_plural = _("reports of messages")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "epoch", "n", "reporter"], name="one_report_per_reporter")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "at"])]

    def __str__(self) -> str:
        said = {"author": self.author, "channel": self.channel, "text": self.text[:60]}
        return gettext("%(author)s in %(channel)s: %(text)s") % said


class MessageQuerySet(models.QuerySet["Message"]):
    def saying(self, words: str) -> MessageQuerySet:
        """With these words ("two of them" together, -without one), by the text index."""
        return self.annotate(search=SEARCH).filter(search=SearchQuery(words, config="simple", search_type="websearch"))


class Message(models.Model):
    """The archive. Only `archive` writes it, from what Redis has kept for it."""

    class State(models.TextChoices):
        VISIBLE = "visible", _("visible")
        DELETED = "deleted", _("deleted")

    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="messages", db_index=False, verbose_name=_("channel")
    )
    epoch = models.CharField(_("epoch"), max_length=16)
    n = models.BigIntegerField(_("number"))
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="messages", db_index=False, verbose_name=_("user"))
    text = models.CharField(_("text"), max_length=500)
    at = models.DateTimeField(_("at"))
    media = models.BigIntegerField(_("media"), null=True, help_text=_("Unix ms of the picture that its author was seeing."))
    re = models.BigIntegerField(_("answers"), null=True, help_text=_("The number of the message that it answers."))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.VISIBLE)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
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
