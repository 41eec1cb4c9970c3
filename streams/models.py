from __future__ import annotations

import datetime as dt
import secrets

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Category, Channel, User
from streams.reasons import REASONS


def random_id() -> str:
    """16 letters and digits: public, says nothing about the channel or the key."""
    return secrets.token_hex(8)


class Broadcast(models.Model):
    class State(models.TextChoices):
        PUBLISHING = "publishing", _("starting")
        LIVE = "live", _("live")
        RECONNECTING = "reconnecting", _("reconnecting")
        ENDED = "ended", _("ended")
        FAILED = "failed", _("failed")
        REFUSED = "refused", _("refused")

    OPEN = (State.PUBLISHING, State.LIVE, State.RECONNECTING)
    ON_AIR = (State.LIVE, State.RECONNECTING)

    id = models.CharField(_("id"), primary_key=True, max_length=16, default=random_id, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="broadcasts", verbose_name=_("channel"))
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.PUBLISHING)
    title = models.CharField(_("title"), max_length=140, blank=True, help_text=_("The channel's at that time."))
    category = models.ForeignKey(
        Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="broadcasts", verbose_name=_("category")
    )
    poster = models.ImageField(_("poster"), upload_to="broadcasts", blank=True, help_text=_("Its last picture."))
    epoch = models.PositiveIntegerField(_("epoch"), default=1, help_text=_("Rises with each publisher session."))
    session = models.CharField(max_length=64, help_text=_("The publisher's connection: boot id and client id."))
    connected_at = models.DateTimeField(
        null=True,
        db_default=Now(),
        help_text=_("Since when that session has been there; empty while a publisher is waited for."),
    )
    ingest_name = models.CharField(max_length=32, help_text=_("What the stream is called inside the RTMP server."))
    key_hash = models.CharField(max_length=64)
    addr = models.GenericIPAddressField(null=True)
    ladder = models.JSONField(help_text=_("Names of the renditions that are encoded."))
    part_ms = models.PositiveSmallIntegerField(default=350, help_text=_("The longest part of its playlists."))
    profile = models.JSONField(null=True, help_text=_("What its publisher was known to send when it began."))
    end_reason = models.CharField(
        _("end reason"), max_length=20, blank=True, choices=[(k, v.short) for k, v in REASONS.items()]
    )
    advice = models.JSONField(default=list, help_text=_("Codes of what the streamer should know."))
    started_at = models.DateTimeField(_("started at"), db_default=Now())
    live_at = models.DateTimeField(_("live at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    missing_since = models.DateTimeField(null=True, help_text=_("First look at which the publisher was gone."))
    lost_at = models.DateTimeField(null=True, help_text=_("When the last publisher left, until there is a picture again."))
    reconnect_until = models.DateTimeField(null=True, help_text=_("With that: for how long another is waited for."))

    class Meta:
        verbose_name = _("broadcast")
        verbose_name_plural = _("broadcasts")
        constraints = [
            models.UniqueConstraint(
                fields=["channel"],
                condition=models.Q(state__in=["publishing", "live", "reconnecting"]),
                name="one_open_broadcast_per_channel",
            )
        ]
        indexes = [
            models.Index(fields=["state", "started_at"]),
            models.Index(fields=["channel", "-started_at"], name="broadcasts_of_a_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.channel.name} {self.id}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_waiting(self) -> bool:
        """For a publisher to come back."""
        return self.is_open and self.connected_at is None

    @property
    def over_at(self) -> dt.datetime | None:
        """When its picture ended; nothing while it is open."""
        return self.ended_at and (self.lost_at or self.ended_at)

    @property
    def length(self) -> dt.timedelta | None:
        """For how long there was a picture."""
        return self.over_at - self.live_at if self.over_at and self.live_at else None


class ScheduledBroadcast(models.Model):
    """Announced by its streamer; nothing starts by it."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="schedule", verbose_name=_("channel"))
    starts_at = models.DateTimeField(_("starts at"))
    title = models.CharField(_("title"), max_length=140, blank=True)

    class Meta:
        verbose_name = _("scheduled broadcast")
        verbose_name_plural = _("scheduled broadcasts")
        ordering = ("starts_at",)

    def __str__(self) -> str:
        return f"{self.channel.name} {self.starts_at:%Y-%m-%d %H:%M}"


class EncodeLease(models.Model):
    """Who encodes one rendition. Only `streams.leases` writes it; times are the database's."""

    broadcast = models.ForeignKey(Broadcast, on_delete=models.CASCADE, related_name="leases")
    rendition = models.CharField(max_length=16)
    epoch = models.PositiveIntegerField()
    worker = models.CharField(max_length=80)
    expires_at = models.DateTimeField()
    suspect_since = models.DateTimeField(null=True, help_text=_("First look at which it had lapsed."))
    failures = models.PositiveSmallIntegerField(default=0, help_text=_("In a row."))
    withdrawn = models.BooleanField(default=False, help_text=_("The broadcast does without this rendition."))
    shed_at = models.DateTimeField(null=True, help_text=_("Since when it does so for want of room."))
    sheds = models.PositiveSmallIntegerField(db_default=0, help_text=_("How often that was."))
    balanced_at = models.DateTimeField(null=True, help_text=_("When it was last shed or brought back."))

    class Meta:
        verbose_name = _("encode lease")
        verbose_name_plural = _("encode leases")
        constraints = [models.UniqueConstraint(fields=["broadcast", "rendition"], name="one_lease_per_rendition")]


class Refusal(models.Model):
    """The last publish that was refused on a channel, for its streamer's eyes."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="refusal")
    reason = models.CharField(max_length=20, choices=[(k, v.short) for k, v in REASONS.items()])
    addr = models.GenericIPAddressField(null=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("refusal")
        verbose_name_plural = _("refusals")


class ChannelReport(models.Model):
    """What somebody finds wrong with a channel or its broadcast, and what was to be seen then: kept whatever becomes of it."""

    class Reason(models.TextChoices):
        VIOLENCE = "violence", _("Violence or threats")
        HATE = "hate", _("Hate or harassment")
        SEXUAL = "sexual", _("Sexual content")
        MINORS = "minors", _("Endangers children")
        SELF_HARM = "self_harm", _("Suicide or self-harm")
        COPYRIGHT = "copyright", _("Shows what others own")
        SPAM = "spam", _("Spam or fraud")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        ACTED = "acted", _("acted upon")
        DISMISSED = "dismissed", _("dismissed")

    channel = models.ForeignKey(Channel, null=True, on_delete=models.SET_NULL, related_name="channel_reports")
    channel_name = models.CharField(_("channel"), max_length=30)
    broadcast = models.ForeignKey(
        Broadcast, null=True, on_delete=models.SET_NULL, related_name="reports", verbose_name=_("broadcast")
    )
    title = models.CharField(_("title"), max_length=140, blank=True)
    description = models.TextField(_("description"), max_length=2000, blank=True)
    picture = models.BinaryField(_("picture"), null=True)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    text = models.CharField(_("in words"), max_length=500, blank=True)
    reporter = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="channel_reports")
    at = models.DateTimeField(_("reported at"))
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    note = models.CharField(_("note"), max_length=500, blank=True)
    handled_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    handled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("report of a channel")
        verbose_name_plural = _("reports of channels")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "reporter"],
                condition=models.Q(state="open"),
                name="one_open_report_per_reporter_and_channel",
            )
        ]
        indexes = [models.Index(fields=["state", "at"], name="channel_reports")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.channel_name}"
