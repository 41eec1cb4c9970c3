"""Reports of channels, from the button to what became of them."""

from __future__ import annotations

import datetime as dt

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.utils import timezone

from accounts.models import Channel, ModAction, User
from streams import claims, reports
from streams.models import Broadcast, ChannelReport
from streams.moderation import Refused
from tests.broadcasts import broadcast_of
from tests.cast import TOTP_SECRET
from tests.pages import text
from tests.staff import enter, moderator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]
QUEUE = "/admin/streams/channelreport/"
PICTURE = b"\xff\xd8\xff\xe0 a picture"


@pytest.fixture
def live(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Broadcast:
    channel.title, channel.description = "Chess", "Every evening"
    channel.save()
    monkeypatch.setattr(reports, "picture_of", lambda broadcast: PICTURE)
    return broadcast_of(channel, Broadcast.State.LIVE, title="Chess with friends")


@pytest.fixture
def report(live: Broadcast, channel: Channel, bob: User) -> ChannelReport:
    return reports.report(channel, bob, "spam", "<b>Look</b>", timezone.now())


@pytest.fixture
def erin(quick_passwords: None) -> User:
    return moderator()


@pytest.fixture
def grace(quick_passwords: None) -> User:
    return moderator("grace")


def send(client: Client, channel: Channel, **form: str) -> str:
    return text(client.post(f"/@{channel.name}/report/", {"reason": "spam", "text": "", **form}, follow=True))


def press(client: Client, report: ChannelReport, button: str, **form: str) -> str:
    return text(client.post(f"{QUEUE}{report.pk}/change/", {f"_{button}": "1", **form}, follow=True))


def codes() -> list[tuple[str, str]]:
    return [(entry.by_name, entry.code) for entry in ModAction.objects.order_by("pk")]


# --- reporting ------------------------------------------------------------------------------------------------------------


def test_somebody_reports_and_what_was_to_be_seen_is_kept(client: Client, live: Broadcast, channel: Channel, bob: User) -> None:
    client.force_login(bob)
    assert f"/@{channel.name}/report/" in text(client.get(channel.get_absolute_url()))
    assert "The moderators will look at it" in send(client, channel, text="It sells things")
    Channel.objects.update(title="Nothing to see", description="")
    Broadcast.objects.update(title="Nothing to see")
    found = ChannelReport.objects.get()
    assert (found.channel_name, found.title, found.description) == ("alice", "Chess with friends", "Every evening")
    assert (bytes(found.picture or b""), found.broadcast, found.reporter) == (PICTURE, live, bob)
    assert (found.reason, found.text, found.state) == ("spam", "It sells things", "open")


def test_who_is_not_signed_in_is_asked_to(client: Client, channel: Channel) -> None:
    answer = client.post(f"/@{channel.name}/report/", {"reason": "spam"})
    assert answer.status_code == 302 and "/accounts/login/" in answer.headers["Location"]
    assert not ChannelReport.objects.exists()


def test_a_second_report_of_the_same_channel_is_refused_while_the_first_is_open(
    client: Client, channel: Channel, bob: User, erin: User
) -> None:
    client.force_login(bob)
    send(client, channel)
    assert "You have reported this channel already" in send(client, channel)
    found = ChannelReport.objects.get()
    claims.claim(found, erin, timezone.now())
    reports.resolve(found, "dismissed", "", erin, timezone.now())
    send(client, channel)
    assert ChannelReport.objects.count() == 2


def test_a_flood_of_reports_is_refused(channel: Channel, bob: User, mallory: User) -> None:
    now = timezone.now()
    for n in range(reports.HOURLY):
        ChannelReport.objects.create(channel_name=f"c{n}", reporter=mallory, reason="spam", at=now)
    with pytest.raises(Refused, match="many reports"):
        reports.report(channel, mallory, "spam", "", now)
    reports.report(channel, mallory, "spam", "", now + dt.timedelta(hours=2))


@pytest.mark.parametrize("form", [{"reason": "boredom"}, {"reason": ""}, {"text": "x" * 501}])
def test_a_report_that_makes_no_sense_is_refused(client: Client, channel: Channel, bob: User, form: dict[str, str]) -> None:
    client.force_login(bob)
    send(client, channel, **form)
    assert not ChannelReport.objects.exists()


def test_nobody_reports_the_own_channel(client: Client, channel: Channel, alice: User) -> None:
    client.force_login(alice)
    assert "/report/" not in text(client.get(channel.get_absolute_url()))
    assert "This is your own channel" in send(client, channel)


# --- the queue ------------------------------------------------------------------------------------------------------------


def test_a_report_is_claimed_and_resolved(client: Client, report: ChannelReport, erin: User) -> None:
    enter(client, erin)
    page = text(client.get(f"{QUEUE}{report.pk}/change/"))
    assert "Chess with friends" in page and "&lt;b&gt;Look" in page and 'name="_claim"' in page and "_resolve" not in page
    assert "It is yours now" in press(client, report, "claim")
    page = text(client.get(f"{QUEUE}{report.pk}/change/"))
    assert 'name="_resolve"' in page and f"/admin/act/end/{report.broadcast_id}/?reason=Report+{report.pk}" in page
    assert "Resolved" in press(client, report, "resolve", outcome="acted", note="Ended it")
    report.refresh_from_db()
    assert (report.state, report.note, report.handled_by) == ("acted", "Ended it", erin)
    assert codes() == [("erin", "claim"), ("erin", "resolve")]
    entry = ModAction.objects.get(code="resolve")
    assert entry.detail["outcome"] == "acted" and "acted upon" in entry.summary
    assert "_claim" not in text(client.get(f"{QUEUE}{report.pk}/change/"))


def test_the_first_of_two_moderators_gets_it(client: Client, report: ChannelReport, erin: User, grace: User) -> None:
    claims.claim(report, erin, timezone.now())
    enter(client, grace)
    for button, form in (("claim", {}), ("release", {}), ("resolve", {"outcome": "dismissed", "note": ""})):
        assert "rin has claimed it" in press(client, report, button, **form), button
    report.refresh_from_db()
    assert (report.state, report.claimed_by) == ("open", erin)
    assert codes() == [("erin", "claim")]


def test_two_claims_of_the_same_look_do_not_collide(report: ChannelReport, erin: User, grace: User) -> None:
    stale = ChannelReport.objects.get(pk=report.pk)
    claims.claim(report, erin, timezone.now())
    with pytest.raises(Refused, match="erin has claimed it"):
        claims.claim(stale, grace, timezone.now())


def test_a_report_is_released_and_a_superuser_releases_what_others_hold(
    client: Client, report: ChannelReport, erin: User, carol: User
) -> None:
    claims.claim(report, erin, timezone.now())
    enter(client, erin)
    press(client, report, "release")
    report.refresh_from_db()
    assert report.claimed_by is None
    claims.claim(report, erin, timezone.now())
    enter(client, carol)
    assert "Anybody may claim it now" in press(client, report, "release")


def test_what_is_resolved_stays_so(client: Client, report: ChannelReport, erin: User, grace: User) -> None:
    claims.claim(report, erin, timezone.now())
    reports.resolve(report, "dismissed", "", erin, timezone.now())
    enter(client, grace)
    assert "It was resolved before, by erin" in press(client, report, "claim")


def test_an_outcome_that_is_none_resolves_nothing(client: Client, report: ChannelReport, erin: User) -> None:
    claims.claim(report, erin, timezone.now())
    enter(client, erin)
    assert "Choose an outcome" in press(client, report, "resolve", outcome="open", note="")
    report.refresh_from_db()
    assert report.state == "open"


def test_the_picture_is_for_moderators_alone(client: Client, report: ChannelReport, erin: User, mallory: User) -> None:
    address = f"{QUEUE}{report.pk}/picture.jpg"
    enter(client, erin)
    answer = client.get(address)
    assert (answer.content, answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == (
        PICTURE,
        "image/jpeg",
        "nosniff",
    )
    enter(client, mallory)
    assert client.get(address).status_code == 302
    mallory.is_staff = True
    mallory.save()
    TOTP.activate(mallory, TOTP_SECRET)
    assert client.get(address).status_code == 404


def test_the_queue_is_filtered_by_who_has_claimed(client: Client, report: ChannelReport, erin: User, grace: User) -> None:
    claims.claim(report, erin, timezone.now())
    address = f"{QUEUE}{report.pk}/change/"
    enter(client, erin)
    assert address in text(client.get(QUEUE, {"claimed": "me", "state__exact": "open"}))
    assert address not in text(client.get(QUEUE, {"claimed": "nobody"}))


def test_a_report_outlives_the_channel_and_its_reporter(report: ChannelReport, alice: User, bob: User, client: Client) -> None:
    alice.delete()
    bob.delete()
    enter(client, moderator())
    page = text(client.get(f"{QUEUE}{report.pk}/change/"))
    assert "alice, which is gone" in page and "an account that is gone" in page
