from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import Role, User
from streams.management.commands.init import MODERATORS, make_roles
from tests.cast import PASSWORD, can_log_in
from tests.pages import text
from tests.staff import administrator, enter, moderator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


def test_users_are_listed_and_found_by_address_and_channel(client: Client, carol: User, alice: User, bob: User) -> None:
    enter(client, carol)
    assert "alice@example.org" in text(client.get("/admin/accounts/user/?q=alice@"))
    page = text(client.get("/admin/accounts/user/?q=bob"))
    assert "bob@example.org" in page and "alice@example.org" not in page


def test_an_administrator_adds_a_user_by_address(client: Client, carol: User) -> None:
    enter(client, carol)
    form = {"email": "Dora@example.org", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/admin/accounts/user/add/", form)
    assert can_log_in("dora@example.org")


def test_an_account_is_banned_by_its_page_alone(client: Client, carol: User, mallory: User) -> None:
    enter(client, carol)
    address = f"/admin/accounts/user/{mallory.pk}/change/"
    assert f"/admin/act/ban/{mallory.pk}/" in text(client.get(address))
    assert client.post(address, {"email": mallory.email}).status_code == 302
    mallory.refresh_from_db()
    assert mallory.is_active


# --- nobody gives more than they have -------------------------------------------------------------------------------------

ALL_RIGHTS = {"is_staff": "on", "is_superuser": "on", "is_active": "on"}


def change(client: Client, user: User, **form: object) -> int:
    return client.post(f"/admin/accounts/user/{user.pk}/change/", {"email": user.email, **form}).status_code


def rights(user: User) -> tuple[bool, bool, set[str]]:
    found = User.objects.get(pk=user.pk)
    return found.is_staff, found.is_superuser, found.get_all_permissions()


def test_a_moderator_changes_no_account_not_even_the_own_one(client: Client, mallory: User) -> None:
    erin = moderator()
    enter(client, erin)
    before = rights(erin)
    for user in (erin, mallory):
        page = text(client.get(f"/admin/accounts/user/{user.pk}/change/"))
        assert user.email in page and "algorithm" not in page
        assert change(client, user, **ALL_RIGHTS) == 403
        assert client.get(f"/admin/accounts/user/{user.pk}/password/").status_code == 403
        assert client.get(f"/admin/accounts/user/{user.pk}/delete/").status_code == 403
    assert rights(erin) == before and not rights(mallory)[0]
    assert client.get("/admin/auth/group/").status_code == 403


def test_an_administrator_becomes_no_superuser_and_makes_none(client: Client, mallory: User) -> None:
    frank = administrator()
    enter(client, frank)
    everything = [permission.pk for permission in Permission.objects.all()]
    for user in (mallory, frank):
        change(client, user, user_permissions=everything, **ALL_RIGHTS)
        is_staff, is_superuser, held = rights(user)
        assert is_staff and not is_superuser and "auth.change_group" not in held
    assert client.get("/admin/auth/group/").status_code == 403


def test_an_administrator_appoints_moderators_and_nothing_greater(client: Client, bob: User) -> None:
    enter(client, administrator())
    greater = Group.objects.create(name="Greater")
    greater.permissions.add(Permission.objects.get(codename="change_group"))
    moderators = Group.objects.get(name=MODERATORS)
    change(client, bob, is_staff="on", groups=[greater.pk])
    assert not bob.groups.exists()
    change(client, bob, is_staff="on", groups=[moderators.pk])
    assert list(bob.groups.all()) == [moderators]


def test_an_administrator_does_not_touch_a_superuser_or_another_administrator(client: Client, carol: User) -> None:
    enter(client, administrator())
    for user in (carol, administrator("grace")):
        assert change(client, user) == 403
        assert client.get(f"/admin/accounts/user/{user.pk}/password/").status_code == 403


def test_whoever_is_not_of_the_team_gets_the_login(client: Client, bob: User) -> None:
    enter(client, bob)
    for address in ("/admin/", "/admin/wall/", "/admin/search/?q=a", f"/admin/act/ban/{bob.pk}/", "/admin/accounts/user/"):
        assert client.get(address).status_code in (302, 403), address


# --- roles ----------------------------------------------------------------------------------------------------------------


def test_roles_are_made_once_and_what_was_taken_away_stays_away(db: None) -> None:
    make_roles()
    group = Group.objects.get(name=MODERATORS)
    taken = Permission.objects.get(codename="ban_user")
    group.permissions.remove(taken)
    make_roles()
    assert taken not in group.permissions.all()


def test_a_new_version_adds_what_it_brings(db: None) -> None:
    make_roles()
    group = Group.objects.get(name=MODERATORS)
    role = Role.objects.get(group=group)
    fresh = Permission.objects.get(codename="ban_user")
    group.permissions.remove(fresh)
    role.given.remove("accounts.ban_user")  # as if an older version had made it
    role.save()
    make_roles()
    assert fresh in group.permissions.all()


def test_moderators_have_no_rights_over_rights(db: None) -> None:
    held = moderator().get_all_permissions()
    assert not {"accounts.change_user", "accounts.add_user", "accounts.delete_user"} & held
    assert not [name for name in held if name.startswith("auth.")]
