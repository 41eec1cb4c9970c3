from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_kinds import Kept
from accounts.models import ModAction
from interactions import held, restrictions, room_settings
from interactions import messages as chat
from interactions.admin_columns import person, room, when
from interactions.admin_filters import BoundedPaginator, ChannelFilter, SinceFilter, UntilFilter, UserFilter
from interactions.models import BlockedTerm, HeldMessage, Message, Restriction
from interactions.protocol import Refused
from interactions.report_admin import ReportAdmin
from interactions.standing import name_of
from interactions.words import words

__all__ = ["ReportAdmin"]


class Careful(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """What is added and deleted by use cases; they may refuse it."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._unless_refused(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._unless_refused(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._unless_refused(request, super().changelist_view, *args, **kwargs)

    def _unless_refused(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except Refused as refused:
            self.message_user(request, words(refused), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for one in queryset:
            self.delete_model(request, one)


# --- restrictions and terms -----------------------------------------------------------------------------------------------


class RestrictionForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = Restriction
        fields = ("user", "channel", "kind", "until", "reason")

    def clean(self) -> None:
        super().clean()
        until, kind = self.cleaned_data.get("until"), self.cleaned_data.get("kind")
        if kind == Restriction.Kind.BAN and until:
            raise ValidationError({"until": gettext("A ban has no end. Choose a timeout, or leave this empty.")})
        if kind == Restriction.Kind.TIMEOUT and (until is None or until <= timezone.now()):
            raise ValidationError({"until": gettext("Say when the timeout ends.")})

    def _get_validation_exclusions(self) -> set[str]:
        """A second restriction of somebody is no mistake: the latest word counts."""
        return super()._get_validation_exclusions() | {"channel"}  # type: ignore[misc]  # unknown to the stubs


class InForce(admin.SimpleListFilter):
    title = _("in force")
    parameter_name = "force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("now", _("now")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Restriction]) -> QuerySet[Restriction]:
        if self.value() == "now":
            return queryset.filter(Restriction.in_force(timezone.now()))
        return queryset.exclude(Restriction.in_force(timezone.now())) if self.value() == "over" else queryset


@admin.register(Restriction)
class RestrictionAdmin(Careful):
    form = RestrictionForm
    list_display = ("who", room, "kind", "until", "reason", "given_by", "at")
    list_select_related = ("user__channel", "channel", "by__channel")
    list_filter = (InForce, "kind", UserFilter, ChannelFilter)
    search_fields = ("user__email", "user__channel__name", "channel__name", "reason")
    autocomplete_fields = ("user", "channel")
    ordering = ("-at",)

    @admin.display(description=_("user"))
    def who(self, one: Restriction) -> str:
        return name_of(one.user)

    @admin.display(description=_("by"))
    def given_by(self, one: Restriction) -> str:
        return person(one.by)

    def save_model(self, request: HttpRequest, obj: Restriction, form: Any, change: bool) -> None:
        now = timezone.now()
        if obj.until is None:
            restrictions.ban(request.user, obj.channel, obj.user, now, obj.reason)  # type: ignore[arg-type]
        else:
            seconds = int((obj.until - now).total_seconds()) + 1
            restrictions.timeout(request.user, obj.channel, obj.user, seconds, now, obj.reason)  # type: ignore[arg-type]
        obj.pk = Restriction.objects.get(user=obj.user, channel=obj.channel).pk

    def delete_model(self, request: HttpRequest, obj: Restriction) -> None:
        now = timezone.now()
        if obj.until is None or obj.until > now:
            restrictions.absolve(request.user, obj.channel, obj.user, now)  # type: ignore[arg-type]
        else:
            obj.delete()


@admin.register(BlockedTerm)
class BlockedTermAdmin(Careful):
    fields = ("text", "channel")
    list_display = ("text", room, "given_by", "at")
    list_select_related = ("channel", "by__channel")
    list_filter = (("channel", admin.EmptyFieldListFilter), ChannelFilter)
    search_fields = ("text", "channel__name")
    autocomplete_fields = ("channel",)
    ordering = ("text",)

    @admin.display(description=_("by"))
    def given_by(self, term: BlockedTerm) -> str:
        return person(term.by)

    def save_model(self, request: HttpRequest, obj: BlockedTerm, form: Any, change: bool) -> None:
        obj.pk = room_settings.block_term(request.user, obj.channel, obj.text, timezone.now()).pk  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: BlockedTerm) -> None:
        room_settings.unblock_term(request.user, obj, timezone.now())  # type: ignore[arg-type]


# --- the log and the archive ----------------------------------------------------------------------------------------------


@admin.register(ModAction)
class ModActionAdmin(Kept):
    list_display = (when, "by_name", "code", "user_name", "where", "details")
    list_filter = ("code", ChannelFilter, SinceFilter, UntilFilter)
    search_fields = ("by_name", "user_name", "channel_name", "reason")
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-at", "-pk")
    show_full_result_count = False
    paginator = BoundedPaginator
    fields = ("at", "by_name", "code", "user_name", "where", "details")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("channel"), ordering="channel_name")
    def where(self, entry: ModAction) -> str:
        return entry.channel_name or gettext("the whole site")

    @admin.display(description=_("details"))
    def details(self, entry: ModAction) -> str:
        return " · ".join(words for words in (entry.summary, entry.reason) if words)


@admin.register(HeldMessage)
class HeldMessageAdmin(Kept):
    list_display = ("text", "state", "who", "channel", "reason", when)
    list_select_related = ("channel", "user__channel")
    list_filter = ("state", UserFilter, ChannelFilter)
    search_fields = ("text", "channel__name")
    ordering = ("-state", "at")  # those that wait first, and of these the oldest
    actions = ("approve", "deny")
    fields = ("text", "who", "channel", "reason", "at", "state")
    readonly_fields = ("who",)

    @admin.display(description=_("user"))
    def who(self, message: HeldMessage) -> str:
        return name_of(message.user)

    @admin.action(description=_("Approve: they are said now"), permissions=["change"])
    def approve(self, request: HttpRequest, chosen: QuerySet[HeldMessage]) -> None:
        self._decide(request, chosen, held.approve, gettext("Approved %(count)s of them."))

    @admin.action(description=_("Deny: nobody sees them"), permissions=["change"])
    def deny(self, request: HttpRequest, chosen: QuerySet[HeldMessage]) -> None:
        self._decide(request, chosen, held.deny, gettext("Denied %(count)s of them."))

    def _decide(self, request: HttpRequest, chosen: QuerySet[HeldMessage], decide: Callable[..., None], said: str) -> None:
        count = 0
        for message in chosen.select_related("channel"):
            try:
                decide(request.user, message.channel, message.pk, timezone.now())
                count += 1
            except Refused as refused:
                self.message_user(request, f"{message.text[:60]}: {words(refused)}", messages.ERROR)
        if count:
            self.message_user(request, said % {"count": count}, messages.SUCCESS)


@admin.register(Message)
class MessageAdmin(Kept):
    list_display = (when, "channel", "who", "text", "state")
    list_display_links = (when,)
    show_facets = admin.ShowFacets.NEVER  # they would be counted
    list_select_related = ("channel", "user__channel")
    list_filter = (UserFilter, ChannelFilter, SinceFilter, UntilFilter, "state")
    search_fields = ("text",)  # by the text index, below
    search_help_text = _('Words of the text, all of them; "two words" together; -without.')
    ordering = ("-at", "-n")
    show_full_result_count = False
    paginator = BoundedPaginator
    actions = ("delete",)
    fields = ("at", "channel", "who", "text", "state", "n", "re", "media", "epoch")

    @admin.display(description=_("user"))
    def who(self, message: Message) -> str:
        return message.user_name

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        return (queryset.saying(search_term) if search_term.strip() else queryset), False  # type: ignore[attr-defined]

    @admin.action(description=_("Delete from the chat"), permissions=["change"])
    def delete(self, request: HttpRequest, chosen: QuerySet[Message]) -> None:
        count = 0
        for message in chosen.select_related("channel"):
            try:
                chat.delete(request.user, message.channel, message.n, timezone.now(), epoch=message.epoch)  # type: ignore[arg-type]
                count += 1
            except Refused as refused:
                self.message_user(request, f"{message}: {words(refused)}", messages.ERROR)
        if count:
            self.message_user(request, gettext("Deleted %(count)s of the messages.") % {"count": count}, messages.SUCCESS)
