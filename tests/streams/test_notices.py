"""Mails to followers when a channel goes live."""

from __future__ import annotations

import datetime as dt
import smtplib
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as django_mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from accounts.models import Channel, Follow, User
from streams import broadcasts, notices
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.cast import join
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]
NOW = timezone.now()
MINUTE = dt.timedelta(minutes=1)


def follow(user: User, channel: Channel, *, by_mail: bool = True, verified: bool = True) -> Follow:
    EmailAddress.objects.create(user=user, email=user.email, verified=verified, primary=True)
    return Follow.objects.create(user=user, channel=channel, by_mail=by_mail)


@pytest.fixture
def live(channel: Channel) -> Broadcast:
    return broadcast_of(channel, Broadcast.State.LIVE, title="Maps\n& seas")


def told(mailoutbox: list[EmailMessage]) -> list[str]:
    return [mail.to[0] for mail in mailoutbox]


def jobs() -> list[str]:
    return list(ProcrastinateJob.objects.filter(status="todo").values_list("task_name", flat=True))


def send_all(broadcast: Broadcast, now: dt.datetime = NOW) -> None:
    while notices.send(broadcast.pk, now):
        pass


def test_who_asked_for_it_is_told_with_title_and_link(
    live: Broadcast, bob: User, mallory: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    follow(bob, live.channel)
    follow(mallory, live.channel, by_mail=False)
    assert notices.begin(live.pk, NOW)
    send_all(live)
    assert told(mailoutbox) == [bob.email]
    mail = mailoutbox[0]
    assert mail.subject == "alice is live: Maps & seas"
    assert f"{settings.PUBLIC_URL}/@alice/" in mail.body
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    off = mail.extra_headers["List-Unsubscribe"].strip("<>")
    assert off in mail.body and off.startswith(settings.PUBLIC_URL)


def test_everybody_is_told_in_the_language_that_they_chose(
    live: Broadcast, bob: User, mallory: User, mailoutbox: list[EmailMessage]
) -> None:
    bob.language = "de"
    bob.save()
    follow(bob, live.channel)
    follow(mallory, live.channel)
    notices.begin(live.pk, NOW)
    send_all(live)
    german, english = sorted(mailoutbox, key=lambda mail: mail.to != [bob.email])
    assert german.subject == "alice ist live: Maps & seas" and "weil du alice folgst" in german.body
    assert english.subject == "alice is live: Maps & seas" and "because you follow alice" in english.body


def test_going_live_defers_it_with_the_change_itself(channel: Channel) -> None:
    starting = broadcast_of(channel, Broadcast.State.PUBLISHING)
    notices.live(Broadcast, broadcast_id=starting.pk)
    assert notices.live in [receiver[1]() for receiver in broadcasts.went_live.receivers if receiver[1]]
    assert "tell_followers" in jobs()


def test_none_is_told_within_ten_minutes_of_the_last(live: Broadcast, bob: User, mailoutbox: list[EmailMessage]) -> None:
    follow(bob, live.channel)
    assert notices.begin(live.pk, NOW)
    send_all(live)
    assert not notices.begin(live.pk, NOW + 9 * MINUTE)
    send_all(live, NOW + 9 * MINUTE)
    assert len(mailoutbox) == 1
    assert notices.begin(live.pk, NOW + 10 * MINUTE)
    live.channel.refresh_from_db()
    send_all(live, NOW + 10 * MINUTE)
    assert len(mailoutbox) == 2


def test_of_two_that_begin_at_once_one_does(live: Broadcast) -> None:
    assert [notices.begin(live.pk, NOW), notices.begin(live.pk, NOW)] == [True, False]
    assert jobs().count("mail_followers") == 1


@pytest.mark.parametrize(("verification", "reached"), [("mandatory", False), ("optional", False), ("none", True)])
def test_an_address_that_nobody_confirmed_gets_none(
    live: Broadcast, bob: User, mailoutbox: list[EmailMessage], settings: Settings, verification: str, reached: bool
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = verification
    follow(bob, live.channel, verified=False)
    notices.begin(live.pk, NOW)
    send_all(live)
    assert bool(mailoutbox) == reached


def test_who_was_shut_out_gets_none(live: Broadcast, bob: User, mailoutbox: list[EmailMessage]) -> None:
    follow(bob, live.channel)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    notices.begin(live.pk, NOW)
    send_all(live)
    assert mailoutbox == []


def test_what_is_over_is_not_announced(live: Broadcast, bob: User, mailoutbox: list[EmailMessage]) -> None:
    follow(bob, live.channel)
    notices.begin(live.pk, NOW)
    Broadcast.objects.update(state=Broadcast.State.ENDED)
    send_all(live)
    assert mailoutbox == []


class Crash(Exception):
    pass


class Faulty(EmailBackend):
    """Fails at the third mail, in the way that a test asks for."""

    fault: Exception = Crash()
    opened = 0

    def open(self) -> bool:
        type(self).opened += 1
        return True

    def send_messages(self, messages: Any) -> int:
        if len(django_mail.outbox) == 2 and Faulty.fault:
            fault, Faulty.fault = Faulty.fault, None  # type: ignore[assignment]
            raise fault
        return super().send_messages(messages)


@pytest.mark.parametrize(
    ("fault", "raises"),
    [
        (Crash(), True),
        (smtplib.SMTPServerDisconnected(), True),
        (smtplib.SMTPDataError(550, b"no"), False),
        (smtplib.SMTPRecipientsRefused({}), False),
    ],
    ids=["crash", "disconnected", "refused mail", "refused address"],
)
def test_nobody_is_told_twice_whatever_fails_in_the_middle(
    live: Broadcast,
    quick_passwords: None,
    mailoutbox: list[EmailMessage],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    raises: bool,
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Faulty"
    monkeypatch.setattr(notices, "get_connection", Faulty)
    monkeypatch.setattr(Faulty, "fault", fault)
    followers = [join(f"fan{n}") for n in range(6)]
    for user in followers:
        follow(user, live.channel)
    notices.begin(live.pk, NOW)
    if raises:
        with pytest.raises(type(fault)):
            notices.send(live.pk, NOW)
    send_all(live)
    assert len(told(mailoutbox)) == len(set(told(mailoutbox))) == 5  # but for the one whose fate nobody knows


def test_batches_have_one_connection_each(
    live: Broadcast, quick_passwords: None, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "BATCH", 2)
    monkeypatch.setattr(notices, "get_connection", Faulty)
    monkeypatch.setattr(Faulty, "fault", None)
    monkeypatch.setattr(Faulty, "opened", 0)
    for n in range(5):
        follow(join(f"fan{n}"), live.channel)
    notices.begin(live.pk, NOW)
    send_all(live)
    assert len(mailoutbox) == 5 and Faulty.opened == 3


# --- and no more ----------------------------------------------------------------------------------------------------------


def off_path(live: Broadcast, mailoutbox: list[EmailMessage], settings: Settings) -> str:
    notices.begin(live.pk, NOW)
    send_all(live)
    return str(mailoutbox[-1].extra_headers["List-Unsubscribe"]).strip("<>").removeprefix(settings.PUBLIC_URL)


def test_the_link_in_a_mail_turns_them_off_by_a_post_without_a_login(
    live: Broadcast, bob: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    following = follow(bob, live.channel)
    path = off_path(live, mailoutbox, settings)
    stranger = Client(enforce_csrf_checks=True)  # as a mail program sends it
    assert "No more mails?" in text(stranger.get(path))
    following.refresh_from_db()
    assert following.by_mail
    assert "You get no mail when alice goes live" in text(stranger.post(path, {"List-Unsubscribe": "One-Click"}))
    following.refresh_from_db()
    assert not following.by_mail
    assert stranger.post(path).status_code == 200
    following.delete()
    assert "You no longer follow" in text(stranger.get(path))


def test_a_link_that_is_made_up_is_not_found(
    live: Broadcast, bob: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    following = follow(bob, live.channel)
    path = off_path(live, mailoutbox, settings)
    for wrong in (path[:-2] + "x/", f"/accounts/mails-off/{following.pk}/", "/accounts/mails-off/MQ:1:x/"):
        assert Client().post(wrong).status_code == 404
    following.refresh_from_db()
    assert following.by_mail
