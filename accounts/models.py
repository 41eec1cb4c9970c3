from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction

CHANNEL_NAME = RegexValidator(
    r"\A[a-z0-9_]{3,30}\Z", "Use 3 to 30 lower-case letters, digits or underscores.", code="channel_name"
)
# Names that would read as a page of the site, or as its voice.
RESERVED_NAMES = frozenset(
    """about abuse account accounts admin administrator api app auth chat dashboard docs embed explore feed healthz help
    hls home internal live livestream login logout me mod moderator new official owner password popular privacy profile
    readyz recordings register root rss search settings signup staff static stream streams support system terms user
    users watch webmaster ws www""".split()  # noqa: SIM905 - a list of literals would be four times as long
)


def refuse_reserved(name: str) -> None:
    if name in RESERVED_NAMES:
        raise ValidationError("This name is kept for the site. Choose another one.", code="reserved")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @transaction.atomic
    def create_streamer(self, email: str, password: str, channel: str, **fields: object) -> User:
        user = self.create_user(email, password, **fields)
        Channel.objects.create(owner=user, name=channel)
        return user


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()


class Channel(models.Model):
    class Latency(models.TextChoices):
        """How far behind the publisher viewers are: the less, the better their connections must be."""

        LOW = "low", "Low: about 1.5 seconds"
        ULTRA = "ultra", "Ultra low: about 1.2 seconds, for good connections"
        STEADY = "steady", "Steady: about 3.5 seconds, for poor connections"

    owner = models.OneToOneField(User, on_delete=models.CASCADE, related_name="channel")
    name = models.CharField(
        max_length=30,
        unique=True,
        validators=[CHANNEL_NAME, refuse_reserved],
        error_messages={"unique": "This name is taken. Choose another one."},
    )
    title = models.CharField(max_length=140, blank=True)
    latency = models.CharField(max_length=8, choices=Latency, default=Latency.LOW)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/@{self.name}/"


class Follow(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="follows")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "channel"], name="one_follow_per_user_and_channel")]
