from __future__ import annotations

import secrets

from django.db import models
from django.db.models.functions import Now

from accounts.models import Channel
from streams.reasons import REASONS


def random_id() -> str:
    """16 letters and digits: public, says nothing about the channel or the key."""
    return secrets.token_hex(8)


class Broadcast(models.Model):
    class State(models.TextChoices):
        PUBLISHING = "publishing", "starting"
        LIVE = "live", "live"
        RECONNECTING = "reconnecting", "reconnecting"
        ENDED = "ended", "ended"
        FAILED = "failed", "failed"
        REFUSED = "refused", "refused"

    OPEN = (State.PUBLISHING, State.LIVE, State.RECONNECTING)

    id = models.CharField(primary_key=True, max_length=16, default=random_id, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="broadcasts")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PUBLISHING)
    epoch = models.PositiveIntegerField(default=1, help_text="Rises with each publisher session.")
    session = models.CharField(max_length=64, help_text="The publisher's connection: boot id and client id.")
    ingest_name = models.CharField(max_length=32, help_text="What the stream is called inside the RTMP server.")
    key_hash = models.CharField(max_length=64)
    addr = models.GenericIPAddressField(null=True)
    ladder = models.JSONField(help_text="Names of the renditions that are encoded.")
    part_ms = models.PositiveSmallIntegerField(default=350, help_text="The longest part of its playlists.")
    profile = models.JSONField(null=True, help_text="What its publisher was known to send when it began.")
    end_reason = models.CharField(max_length=20, blank=True, choices=[(k, v.short) for k, v in REASONS.items()])
    advice = models.JSONField(default=list, help_text="Codes of what the streamer should know.")
    started_at = models.DateTimeField(db_default=Now())
    live_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    missing_since = models.DateTimeField(null=True, help_text="First look at which the publisher was gone.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel"],
                condition=models.Q(state__in=["publishing", "live", "reconnecting"]),
                name="one_open_broadcast_per_channel",
            )
        ]
        indexes = [models.Index(fields=["state", "started_at"])]

    def __str__(self) -> str:
        return f"{self.channel.name} {self.id}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class EncodeLease(models.Model):
    """Who encodes one rendition. Only `streams.leases` writes it; times are the database's."""

    broadcast = models.ForeignKey(Broadcast, on_delete=models.CASCADE, related_name="leases")
    rendition = models.CharField(max_length=16)
    epoch = models.PositiveIntegerField()
    worker = models.CharField(max_length=80)
    expires_at = models.DateTimeField()
    suspect_since = models.DateTimeField(null=True, help_text="First look at which it had lapsed.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    withdrawn = models.BooleanField(default=False, help_text="The broadcast does without this rendition.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["broadcast", "rendition"], name="one_lease_per_rendition")]


class Refusal(models.Model):
    """The last publish that was refused on a channel, for its streamer's eyes."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="refusal")
    reason = models.CharField(max_length=20, choices=[(k, v.short) for k, v in REASONS.items()])
    addr = models.GenericIPAddressField(null=True)
    at = models.DateTimeField()
