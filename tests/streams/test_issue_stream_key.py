from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Channel
from streams.documents import StreamKey, key_hash

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_store")]


def issue(*args: str) -> str:
    out = io.StringIO()
    call_command("issue_stream_key", *args, stdout=out)
    return out.getvalue()


def test_it_prints_the_key_alone(channel: Channel) -> None:
    text = issue("alice", "--label", "Studio").removesuffix("\n")
    key = StreamKey.of_channel(channel.pk)[0]
    assert (key.hash, key.label, key.expires_at) == (key_hash(text), "Studio", None)


@pytest.mark.parametrize(("text", "hours"), [("24h", 24), ("7d", 168), ("1h", 1)])
def test_a_key_may_expire(channel: Channel, text: str, hours: int) -> None:
    issue("alice", "--expires", text)
    key = StreamKey.of_channel(channel.pk)[0]
    assert key.expires_at == key.created_at + dt.timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0h", "1.5h", "24x", "999999999d", "24h "])
def test_it_says_what_a_lifetime_looks_like(channel: Channel, text: str) -> None:
    with pytest.raises(CommandError, match="give hours or days, as in 24h or 7d"):
        issue("alice", f"--expires={text}")
    assert StreamKey.of_channel(channel.pk) == []


def test_it_says_that_there_is_no_such_channel() -> None:
    with pytest.raises(CommandError, match="There is no channel nobody"):
        issue("nobody")


def test_it_refuses_a_label_that_is_too_long(channel: Channel) -> None:
    with pytest.raises(CommandError, match="at most 60"):
        issue("alice", "--label", "x" * 61)
    assert StreamKey.of_channel(channel.pk) == []
