from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, NoReturn

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from accounts.languages import LANGUAGES

CHANNEL_NAME = RegexValidator(
    r"\A[a-z0-9_]{3,30}\Z", _("Use 3 to 30 lower-case letters, digits or underscores."), code="channel_name"
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
        raise ValidationError(gettext("This name is kept for the site. Choose another one."), code="reserved")


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


class User(AbstractUser):  # type: ignore[django-manager-missing]  # that of its tokens is knox's
    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    language = models.CharField(_("language"), max_length=8, blank=True, help_text=_("Of mails: chosen in the footer."))
    session_epoch = models.PositiveIntegerField(default=0, editable=False, help_text=_("Raised to end all sessions."))

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta(AbstractUser.Meta):
        permissions: ClassVar = [("ban_user", "Can ban accounts, and unban them")]

    @property
    def called(self) -> str:
        """The channel's name; without one, what no channel can be called."""
        return self.channel.name if hasattr(self, "channel") else f"user-{self.pk}"

    def outranks(self, user: User) -> bool:
        """Whether it is for this one to act on that account: those of the site's team need more rights than they have."""
        if self.is_superuser or user.is_superuser:
            return self.is_superuser
        if not user.is_staff:
            return True
        return user.is_active and user.get_all_permissions() < self.get_all_permissions()

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new password ends the tokens that whoever knew the old one may have made, as it ends sessions."""
        # Django's own sign of a change: a hash that is only made anew leaves none.
        changed = self.pk is not None and getattr(self, "_password", None) is not None
        with transaction.atomic():
            super().save(*args, **kwargs)
            if changed:
                ApiToken.objects.filter(user=self).delete()

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        found: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]  # unknown to the stubs
        return f"{found}{self.session_epoch or ''}"


class Category(models.Model):
    name = models.CharField(_("name"), max_length=40, unique=True)
    slug = models.SlugField(_("slug"), max_length=40, unique=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("name",)

    def __str__(self) -> str:
        return gettext(self.name)


class Channel(models.Model):
    class Latency(models.TextChoices):
        """How far behind the publisher viewers are: the less, the better their connections must be."""

        LOW = "low", _("Low: about 1.3 seconds")
        ULTRA = "ultra", _("Ultra low: about 1.2 seconds, for good connections")
        STEADY = "steady", _("Steady: about 2.5 seconds, for poor connections")

    class Reconnect(models.IntegerChoices):
        """For how many seconds a publisher that is gone is waited for."""

        NOT = 0, _("Not at all: the broadcast ends at once")
        SHORT = 30, _("30 seconds")
        USUAL = 90, _("90 seconds")
        LONG = 300, _("5 minutes")

    owner = models.OneToOneField(User, on_delete=models.CASCADE, related_name="channel", verbose_name=_("owner"))
    name = models.CharField(
        _("name"),
        max_length=30,
        unique=True,
        validators=[CHANNEL_NAME, refuse_reserved],
        error_messages={"unique": _("This name is taken. Choose another one.")},
    )
    title = models.CharField(_("title"), max_length=140, blank=True)
    latency = models.CharField(_("latency"), max_length=8, choices=Latency, default=Latency.LOW)
    reconnect_s = models.PositiveSmallIntegerField(_("reconnecting"), choices=Reconnect, default=Reconnect.USUAL)
    description = models.TextField(_("description"), max_length=2000, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="channels", verbose_name=_("category")
    )
    language = models.CharField(_("language"), max_length=8, blank=True, help_text=_("That is spoken: a code of BCP 47."))
    tags = ArrayField(models.CharField(max_length=25), size=5, default=list, blank=True, verbose_name=_("tags"))
    links = models.JSONField(_("links"), default=list, blank=True, help_text=_("Of {label, url}, five at most."))
    avatar = models.ImageField(_("avatar"), upload_to="avatars", blank=True)
    poster = models.ImageField(_("poster"), upload_to="posters", blank=True, help_text=_("Shown while nothing is live."))
    suspended_until = models.DateTimeField(_("suspended until"), null=True, blank=True)
    suspended_for = models.CharField(_("reason of the suspension"), max_length=200, blank=True)
    notified_at = models.DateTimeField(null=True, editable=False, help_text=_("When followers were last told of a broadcast."))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        indexes = [
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="channel_name_search"),
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="channel_title_search"),
            GinIndex(fields=["tags"], name="channel_tags"),
        ]
        permissions: ClassVar = [
            ("suspend_channel", "Can suspend channels, and lift it"),
            ("rename_channel", "Can rename channels"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/@{self.name}/"

    @property
    def language_name(self) -> str:
        return LANGUAGES.get(self.language, self.language)

    def is_suspended(self, now: dt.datetime) -> bool:
        return self.suspended_until is not None and self.suspended_until > now

    @property
    def is_suspended_now(self) -> bool:
        """For templates."""
        return self.is_suspended(timezone.now())


class FormerName(models.Model):
    """What a channel was called before: until then it leads to the channel, and nobody else gets it."""

    KEPT = dt.timedelta(days=90)

    name = models.CharField(max_length=30, unique=True)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="former_names")
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("former name")
        verbose_name_plural = _("former names")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def find(cls, name: str, now: dt.datetime) -> Channel | None:
        kept = cls.objects.filter(name=name, until__gt=now).select_related("channel").first()
        return kept.channel if kept else None


class Follow(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="follows")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="followers")
    by_mail = models.BooleanField(_("tell by e-mail"), default=False)
    mailed_at = models.DateTimeField(null=True, editable=False, help_text=_("When the last mail was begun."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("follow")
        verbose_name_plural = _("follows")
        constraints = [models.UniqueConstraint(fields=["user", "channel"], name="one_follow_per_user_and_channel")]


class ApiToken(AbstractAuthToken):
    """What a program shows in place of a password; its text is stored nowhere. `token_key`, its beginning, names it."""

    class Scope(models.TextChoices):
        READ = "read", _("Read what you may see, your figures too")
        ACCOUNT = "account", _("Change your account")
        CHANNEL = "channel", _("Change your channel, and end its broadcast")
        KEYS = "keys", _("List, make and revoke stream keys")
        FOLLOW = "follow", _("Follow channels, or stop")

    name = models.CharField(_("name"), max_length=60)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key})"


class Role(models.Model):
    """A group that `manage.py init` makes, and what it has ever given it: what an administrator took away stays away."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="+")
    given = models.JSONField(default=list, help_text=_("Of APP.CODENAME."))

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")


# --- the log --------------------------------------------------------------------------------------------------------------


class AppendOnly(Exception):
    """What is in the moderation log stays there, as it is."""


DETAILS = {
    "text": "“{}”",
    "held": _("with what waited: {}"),
    "seconds": _("for {} s"),
    "role": _("now {}"),
    "until": _("until {}"),
    "name": _("now called {}"),
    "broadcast": _("broadcast {}"),
    "report": _("report {}"),
    "outcome": "{}",
}
OUTCOMES = {"acted": _("acted upon"), "dismissed": _("dismissed")}
CHANGED = {
    "slow_s": _("slow"),
    "followers_only_s": _("followers only"),
    "emote_only": _("emote only"),
    "hold_links": _("hold links"),
    "shield": _("shield"),
    "delay_to_picture": _("delay to picture"),
    "emoji": _("emoji"),
    "domains": _("domains"),
    "title": _("title"),
    "category": _("category"),
    "tags": _("tags"),
    "description": _("description"),
    "language": _("language"),
    "latency": _("latency"),
    "poster": _("poster"),
    "remove_poster": _("remove poster"),
    "remove_avatar": _("remove avatar"),
}


def _said(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or gettext("none")
    if isinstance(value, bool):
        return gettext("on") if value else gettext("off")
    return gettext("off") if value is None else str(value)


class ActionQuerySet(models.QuerySet["ModAction"]):
    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    update = delete = bulk_update = update_or_create = _refuse


class ModAction(models.Model):
    """The moderation log of the site and of all chats. Names are kept as they were: it outlives accounts and channels.

    PostgreSQL refuses changes as well (a trigger): all it lets through is that somebody's deletion empties a reference.
    """

    class Code(models.TextChoices):
        DELETE = "delete", _("deleted a message")
        PURGE = "purge", _("deleted all messages of a user")
        CLEAR = "clear", _("cleared the chat")
        TIMEOUT = "timeout", _("timed out")
        BAN = "ban", _("banned")
        ABSOLVE = "absolve", _("lifted a restriction")
        PIN = "pin", _("pinned a message")
        UNPIN = "unpin", _("unpinned")
        APPROVE = "approve", _("approved a held message")
        DENY = "deny", _("denied a held message")
        ROLE = "role", _("changed a role")
        SET = "set", _("changed settings")
        SHIELD = "shield", _("turned the shield")
        TERM_ADD = "term_add", _("blocked a term")
        TERM_REMOVE = "term_remove", _("unblocked a term")
        DISMISS = "dismiss", _("dismissed a report")
        END = "end", _("ended a broadcast")
        SUSPEND = "suspend", _("suspended a channel")
        LIFT = "lift", _("lifted a suspension")
        SHUT = "shut", _("banned an account")
        REOPEN = "reopen", _("unbanned an account")
        RENAME = "rename", _("renamed a channel")
        EDIT = "edit", _("edited a channel")
        CLAIM = "claim", _("claimed a report")
        RELEASE = "release", _("released a report")
        RESOLVE = "resolve", _("resolved a report")

    # What is done to channels, accounts and broadcasts; all else is done in a chat, and its owner reads it.
    OF_THE_SITE = (
        *(Code.END, Code.SUSPEND, Code.LIFT, Code.SHUT, Code.REOPEN, Code.RENAME, Code.EDIT),
        *(Code.CLAIM, Code.RELEASE, Code.RESOLVE),
    )

    code = models.CharField(_("action"), max_length=12, choices=Code)
    channel = models.ForeignKey(Channel, null=True, on_delete=models.SET_NULL, related_name="actions")
    channel_name = models.CharField(_("channel"), max_length=30, blank=True, help_text=_("Empty: the whole site."))
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(_("moderator"), max_length=40)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    user_name = models.CharField(_("user concerned"), max_length=40, blank=True)
    detail = models.JSONField(default=dict, help_text=_("What else belongs to it: text, number, seconds, changes …"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    at = models.DateTimeField(_("at"))

    objects = ActionQuerySet.as_manager()

    class Meta:
        verbose_name = _("moderation log entry")
        verbose_name_plural = _("moderation log")
        indexes: ClassVar = [
            models.Index(fields=["channel", "-at"], name="modaction_channel"),
            models.Index(fields=["-at"], name="modaction_at"),
        ]

    def __str__(self) -> str:
        return f"{self.by_name} {self.get_code_display()} {self.user_name}".strip()

    @classmethod
    def of_room(cls, channel: Channel) -> models.QuerySet[ModAction]:
        """What its owner may read."""
        return cls.objects.filter(channel=channel).exclude(code__in=cls.OF_THE_SITE)

    @property
    def summary(self) -> str:
        """The details in a line."""
        detail = self.detail
        if "outcome" in detail:
            detail = detail | {"outcome": OUTCOMES.get(detail["outcome"], detail["outcome"])}
        said = [str(words).format(detail[name]) for name, words in DETAILS.items() if name in detail]
        changes = self.detail.get("changes", {})
        said += [f"{CHANGED.get(name, name)}: {_said(b)} → {_said(a)}" for name, (b, a) in changes.items()]
        return ", ".join(said)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
