"""What the site's moderators do in the administration, as members of their group."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import AppendOnly, Channel, ModAction, User
from interactions import archive, moderation, room_settings
from interactions.models import BlockedTerm, Message, Report, Restriction
from interactions.protocol import Report as ReportFrame
from streams.management.commands.init import make_roles
from tests.cast import join
from tests.interactions.rooms import items, log, say, texts
from tests.interactions.test_archive import run
from tests.pages import text

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static", "own_cache", "control", "layer", "clean_queue"),
]
REPORTS, RESTRICTIONS, TERMS, ARCHIVE = (
    f"/admin/interactions/{name}/" for name in ("report", "restriction", "blockedterm", "message")
)
LOG = "/admin/accounts/modaction/"


@pytest.fixture
def erin(quick_passwords: None) -> User:
    """A site moderator, by her group alone."""
    make_roles()
    user = join("erin", is_staff=True)
    user.groups.add(Group.objects.get(name="Site moderators"))
    return user


@pytest.fixture
def admin(client: Client, erin: User) -> Client:
    client.force_login(erin)
    return client


@pytest.fixture
def report(channel: Channel, bob: User, mallory: User) -> Report:
    say(channel, bob, "what came before")
    n = say(channel, mallory, "<b>buy things</b>")
    moderation.report("alice", moderation.author("alice", bob.pk), ReportFrame("n" * 12, n, "spam"), timezone.now())
    return Report.objects.get()


def do(admin: Client, report: Report, act: str) -> str:
    return text(admin.post(f"{REPORTS}{report.pk}/change/", {f"_{act}": "1"}, follow=True))


def choose(admin: Client, address: str, action: str, *chosen: Any) -> str:
    form = {"action": action, "_selected_action": [one.pk for one in chosen]}
    return text(admin.post(address, form, follow=True))


def test_a_site_moderator_sees_what_belongs_to_chats_and_no_more(admin: Client) -> None:
    page = text(admin.get("/admin/"))
    for name in ("Reports", "Restrictions", "Blocked terms", "Moderation log", "Messages"):
        assert name in page
    assert "Groups" not in page and "Procrastinate" not in page


def test_a_site_moderator_may_act_in_every_room(channel: Channel, erin: User) -> None:
    assert moderation.author("alice", erin.pk).role == "staff"


# --- reports --------------------------------------------------------------------------------------------------------------


def test_a_report_shows_what_was_said_before_and_who_said_it(admin: Client, report: Report) -> None:
    page = text(admin.get(f"{REPORTS}{report.pk}/change/"))
    assert "what came before" in page and "&lt;b&gt;buy things&lt;/b&gt;" in page and "<b>buy" not in page
    assert "mallory@example.org" in page and "Dismiss the report" in page


def test_a_report_is_dismissed(admin: Client, report: Report, erin: User) -> None:
    assert "Dismissed the report on mallory." in do(admin, report, "dismiss")
    report.refresh_from_db()
    assert (report.state, report.handled_by) == ("dismissed", erin)
    assert log() == [("erin", "dismiss", "mallory")]
    assert "Dismiss the report" not in text(admin.get(f"{REPORTS}{report.pk}/change/"))


def test_the_message_is_deleted_where_it_stands(admin: Client, report: Report, channel: Channel) -> None:
    do(admin, report, "delete")
    assert texts(channel) == ["what came before"]
    report.refresh_from_db()
    assert report.state == "acted" and report.text == "<b>buy things</b>"


@pytest.mark.parametrize("act, kind, here", [("timeout", "timeout", True), ("ban", "ban", True), ("site_ban", "ban", False)])
def test_the_author_is_kept_from_writing(
    admin: Client, report: Report, channel: Channel, mallory: User, act: str, kind: str, here: bool
) -> None:
    do(admin, report, act)
    made = Restriction.objects.get()
    assert (made.user, made.kind, made.channel) == (mallory, kind, channel if here else None)
    assert made.reason == f"Report {report.pk}"


def test_reports_of_one_message_are_closed_together(admin: Client, report: Report, alice: User) -> None:
    again = Report.objects.get()
    again.pk, again.reporter = None, alice
    again.save()
    do(admin, report, "delete")
    assert not Report.objects.filter(state="open").exists()


def test_several_reports_are_dismissed_at_once(admin: Client, report: Report) -> None:
    choose(admin, REPORTS, "dismiss", report)
    assert Report.objects.get().state == "dismissed"


def test_a_refusal_is_said_in_words_and_changes_nothing(admin: Client, report: Report, carol: User) -> None:
    Report.objects.update(user=carol)
    assert "That is not for you to do" in do(admin, report, "ban")
    assert Report.objects.get().state == "open" and not Restriction.objects.exists()


def test_who_may_only_look_does_nothing(client: Client, report: Report, erin: User) -> None:
    group = Group.objects.get(name="Site moderators")
    group.permissions.set(group.permissions.filter(codename="view_report"))
    client.force_login(erin)
    page = text(client.get(f"{REPORTS}{report.pk}/change/"))
    assert "what came before" in page and "Dismiss" not in page
    client.post(f"{REPORTS}{report.pk}/change/", {"_delete": "1"})
    assert Report.objects.get().state == "open" and log() == []


# --- restrictions and terms -----------------------------------------------------------------------------------------------


def test_a_ban_is_given_and_lifted(admin: Client, bob: User, channel: Channel) -> None:
    form = {"user": bob.pk, "channel": channel.pk, "kind": "ban", "until_0": "", "until_1": "", "reason": "spam"}
    assert admin.post(f"{RESTRICTIONS}add/", form).status_code == 302
    made = Restriction.objects.get()
    assert (made.user, made.channel, made.kind) == (bob, channel, "ban")
    assert "alice" in text(admin.get(RESTRICTIONS, {"force": "now"}))
    admin.post(f"{RESTRICTIONS}{made.pk}/delete/", {"post": "yes"})
    assert not Restriction.objects.exists()
    assert [code for _, code, _ in log()] == ["ban", "absolve"]


def test_a_timeout_of_the_whole_site_needs_an_end(admin: Client, bob: User) -> None:
    form = {"user": bob.pk, "channel": "", "kind": "timeout", "until_0": "", "until_1": "", "reason": ""}
    assert "Say when the timeout ends" in text(admin.post(f"{RESTRICTIONS}add/", form))
    end = timezone.now() + dt.timedelta(hours=1)
    form |= {"until_0": f"{end:%Y-%m-%d}", "until_1": f"{end:%H:%M:%S}"}
    assert admin.post(f"{RESTRICTIONS}add/", form).status_code == 302
    assert Restriction.objects.get().code == "timeout"
    form |= {"kind": "ban"}
    assert "A ban has no end" in text(admin.post(f"{RESTRICTIONS}add/", form))


def test_a_second_restriction_takes_the_place_of_the_first(admin: Client, bob: User, channel: Channel) -> None:
    form = {"user": bob.pk, "channel": channel.pk, "kind": "ban", "until_0": "", "until_1": "", "reason": "one"}
    for reason in ("one", "two"):
        response = admin.post(f"{RESTRICTIONS}add/", form | {"reason": reason})
        assert response.status_code == 302, text(response)
    assert Restriction.objects.get().reason == "two"


def test_an_administrator_cannot_be_banned_by_a_moderator(admin: Client, carol: User) -> None:
    form = {"user": carol.pk, "channel": "", "kind": "ban", "until_0": "", "until_1": "", "reason": ""}
    assert "That is not for you to do" in text(admin.post(f"{RESTRICTIONS}add/", form, follow=True))
    assert not Restriction.objects.exists()


def test_terms_of_the_site_are_blocked_and_unblocked(admin: Client, channel: Channel) -> None:
    form = {"text": "bad word", "channel": ""}
    assert admin.post(f"{TERMS}add/", form).status_code == 302
    assert "This term is blocked already" in text(admin.post(f"{TERMS}add/", form))
    assert "at least one letter" in text(admin.post(f"{TERMS}add/", form | {"text": "!!!"}))
    assert room_settings.settings_of(channel).terms == ("bad word",)
    choose(admin, TERMS, "delete_selected", BlockedTerm.objects.get())
    admin.post(TERMS, {"action": "delete_selected", "_selected_action": [BlockedTerm.objects.get().pk], "post": "yes"})
    assert not BlockedTerm.objects.exists()
    assert [code for _, code, _ in log()] == ["term_add", "term_remove"]


# --- the log --------------------------------------------------------------------------------------------------------------


def test_the_log_can_be_read_and_nothing_else(
    admin: Client, carol: User, client: Client, channel: Channel, alice: User
) -> None:
    room_settings.change(alice, channel, {"slow_s": 5}, timezone.now())
    entry = ModAction.objects.get()
    assert "slow: 0 → 5" in text(admin.get(LOG, {"in": "alice"}))
    assert "slow: 0" not in text(admin.get(LOG, {"in": "bob"}))
    client.force_login(carol)  # not even an administrator
    address = f"{LOG}{entry.pk}/"
    assert client.get(f"{address}change/").status_code == 200
    assert client.post(f"{address}change/", {"by_name": "x"}).status_code == 403
    assert client.get(f"{address}delete/").status_code == 403 and client.get(f"{LOG}add/").status_code == 403
    assert "delete_selected" not in text(client.get(LOG))


def test_the_log_cannot_be_changed_in_code_either(channel: Channel, alice: User) -> None:
    room_settings.change(alice, channel, {"slow_s": 5}, timezone.now())
    entry = ModAction.objects.get()
    with pytest.raises(AppendOnly):
        entry.save()
    with pytest.raises(AppendOnly):
        entry.delete()
    with pytest.raises(AppendOnly):
        ModAction.objects.update(by_name="x")
    with pytest.raises(AppendOnly):
        ModAction.objects.all().delete()
    with pytest.raises(AppendOnly):
        ModAction.objects.bulk_update([entry], ["by_name"])


def test_the_log_outlives_accounts_and_channels(channel: Channel, alice: User) -> None:
    room_settings.change(alice, channel, {"slow_s": 5}, timezone.now())
    alice.delete()
    entry = ModAction.objects.get()
    assert (entry.by, entry.by_name, entry.channel, entry.channel_name) == (None, "alice", None, "alice")


# --- the archive ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def said(channel: Channel, bob: User, mallory: User) -> None:
    now = timezone.now()
    at = {"old news": dt.timedelta(days=40), "fresh news": dt.timedelta()}
    for n, (words, age) in enumerate(at.items()):
        Message.objects.create(channel=channel, epoch="e", n=n, user=bob, text=words, at=now - age)
    Message.objects.create(channel=mallory.channel, epoch="e", n=9, user=mallory, text="newsless", at=now)


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    "query, found",
    [
        ({}, {"old news", "fresh news", "newsless"}),
        ({"q": "NEWS"}, {"old news", "fresh news"}),
        ({"q": "news -old"}, {"fresh news"}),
        ({"by": "mallory"}, {"newsless"}),
        ({"by": "Bob@example.org"}, {"old news", "fresh news"}),
        ({"by": "nobody"}, set()),
        ({"in": "@alice", "q": "fresh"}, {"fresh news"}),
        ({"since": f"{timezone.now() - dt.timedelta(days=1):%Y-%m-%d}"}, {"fresh news", "newsless"}),
        ({"until": f"{timezone.now() - dt.timedelta(days=1):%Y-%m-%d}"}, {"old news"}),
        ({"state__exact": "deleted"}, set()),
    ],
)
def test_the_archive_is_searched(admin: Client, query: dict[str, str], found: set[str]) -> None:
    page = text(admin.get(ARCHIVE, query))
    assert {words for words in ("old news", "fresh news", "newsless") if f">{words}<" in page} == found


@pytest.mark.usefixtures("said")
def test_a_day_that_is_none_is_no_error_of_ours(admin: Client) -> None:
    assert admin.get(ARCHIVE, {"since": "yesterday"}).status_code == 302


def test_messages_are_deleted_from_the_archive_and_the_room(admin: Client, channel: Channel, bob: User) -> None:
    say(channel, bob, "bad")
    run(archive.store)
    assert "Deleted 1 of the messages." in choose(admin, ARCHIVE, "delete", Message.objects.get())
    assert Message.objects.get().state == "deleted"
    assert [item["t"] for item in items(channel)] == ["del"]


def test_a_message_is_read_only(admin: Client, channel: Channel, bob: User) -> None:
    kept = Message.objects.create(channel=channel, epoch="e", n=1, user=bob, text="mine", at=timezone.now())
    assert "mine" in text(admin.get(f"{ARCHIVE}{kept.pk}/change/"))
    assert admin.post(f"{ARCHIVE}{kept.pk}/change/", {"text": "yours"}).status_code == 403
