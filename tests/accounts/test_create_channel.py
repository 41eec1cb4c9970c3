from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from tests.cast import PASSWORD, can_log_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "plain_static")]


def create(monkeypatch: pytest.MonkeyPatch, name: str, email: str, password: str = PASSWORD) -> str:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("create_channel", name, email=email, stdout=out)
    return out.getvalue()


def test_it_makes_a_channel_whose_owner_can_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = create(monkeypatch, "alice", "Alice@example.org")
    assert "/@alice/" in printed and PASSWORD not in printed
    assert can_log_in("alice@example.org")


@pytest.mark.parametrize(
    ("name", "email", "password", "words"),
    [
        ("admin", "dora@example.org", PASSWORD, "channel: This name is kept for the site"),
        ("alice", "dora@example.org", PASSWORD, "channel: This name is taken"),
        ("dora", "alice@example.org", PASSWORD, "email: An account with this address exists"),
        ("dora", "dora", PASSWORD, "email: Enter a valid email address"),
        ("dora", "dora@example.org", "", "password: This field is required"),
        ("dora", "dora@example.org", "short", "password: This password is too short"),
    ],
)
def test_it_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, alice: User, name: str, email: str, password: str, words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        create(monkeypatch, name, email, password)
    assert User.objects.count() == 1
