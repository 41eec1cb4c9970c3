from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group, Permission
from django.db.models import Count, Q, QuerySet
from django.forms import EmailField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Category, User


class AddUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = User
        fields = ("email",)
        field_classes = {"email": EmailField}


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Nobody gives more rights here than they have, or touches an account that has more."""

    add_form = AddUserForm
    list_display = ("email", "channel", "is_active", "is_staff", "date_joined")
    list_select_related = ("channel",)
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "channel__name")
    ordering = ("email",)
    readonly_fields = ("is_active", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nothing of passwords and rights for who changes none."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("email", "is_active", "is_staff", "last_login", "date_joined")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Accounts are banned and unbanned by a page of its own, which asks for a reason."""
        beyond = () if _is_superuser(request) else ("is_superuser", "user_permissions")
        return (*self.readonly_fields, *beyond)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What belongs to an account goes with it, whoever may delete it by itself; the log keeps its names."""
        to_delete, counts, _missing, protected = super().get_deleted_objects(objs, request)
        barred = {str(one) for one in objs if not self.has_delete_permission(request, one)}
        return to_delete, counts, barred, protected

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups" and not _is_superuser(request):
            kwargs["queryset"] = _groups_within(request.user)  # type: ignore[arg-type]
        return super().formfield_for_manytomany(db_field, request, **kwargs)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    by: Any = request.user
    return user is None or user.pk == by.pk or by.outranks(user)


def _groups_within(user: User) -> QuerySet[Group]:
    """Those that give nothing which the user has not got."""
    held = Permission.objects.filter(Q(group__user=user) | Q(user=user))
    return Group.objects.exclude(permissions__in=Permission.objects.exclude(pk__in=held))


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("name", "slug", "channel_count")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).annotate(channel_count=Count("channels"))

    @admin.display(description=_("channels"), ordering="channel_count")
    def channel_count(self, category: Category) -> int:
        return category.channel_count  # type: ignore[attr-defined]
