from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions.protocol import Refused
from interactions.rules import MODERATORS, Allow, Author, Hold, Settings, changed, judge, slow_s

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
YEAR = dt.timedelta(days=365)

BOB = Author(2, "bob", None, follows_since=None, joined_at=NOW - YEAR)
FAN = replace(BOB, follows_since=NOW - YEAR)
LINK = "see evil.com"


def refusal(settings: Settings, author: Author, text: str = "hello") -> tuple[str, int | None]:
    with pytest.raises(Refused) as refused:
        judge(settings, author, text, NOW)
    return refused.value.code, refused.value.wait_ms


def test_by_default_anybody_may_speak() -> None:
    assert judge(Settings(), BOB, "hello", NOW) == Allow()


@pytest.mark.parametrize("role", MODERATORS)
def test_moderators_may_say_anything(role: str) -> None:
    strict = Settings(followers_only_s=600, emote_only=True, shield=True, terms=("hello",))
    assert judge(strict, replace(BOB, role=role), f"hello {LINK}", NOW) == Allow()


# --- followers ------------------------------------------------------------------------------------------------------------


def test_followers_only_refuses_who_does_not_follow() -> None:
    assert refusal(Settings(followers_only_s=0), BOB) == ("followers", None)
    assert judge(Settings(followers_only_s=0), replace(BOB, follows_since=NOW), "hello", NOW) == Allow()


def test_a_new_follower_is_told_how_long_to_wait() -> None:
    settings, young = Settings(followers_only_s=600), replace(BOB, follows_since=NOW - 4 * MINUTE)
    assert refusal(settings, young) == ("followers", 360_000)
    assert judge(settings, replace(BOB, follows_since=NOW - 10 * MINUTE), "hello", NOW) == Allow()


def test_vips_need_not_follow() -> None:
    assert judge(Settings(followers_only_s=600), replace(BOB, role="vip"), "hello", NOW) == Allow()


# --- emote-only, terms ----------------------------------------------------------------------------------------------------


def test_emote_only_lets_emoji_through() -> None:
    assert judge(Settings(emote_only=True), BOB, "👍 🎉", NOW) == Allow()
    assert refusal(Settings(emote_only=True), BOB, "👍 nice") == ("emote_only", None)


def test_a_blocked_term_is_refused_in_disguise_and_from_vips() -> None:
    settings = Settings(terms=("bad word", "!!!"))
    assert refusal(settings, BOB, "what a B4D W0RD") == ("term", None)
    assert refusal(settings, replace(BOB, role="vip"), "bad word") == ("term", None)
    assert judge(settings, BOB, "badword!!!", NOW) == Allow()


# --- links ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "author",
    [BOB, replace(BOB, follows_since=NOW - 9 * MINUTE), replace(FAN, joined_at=NOW - dt.timedelta(hours=23))],
    ids=["does not follow", "follows since just now", "has a new account"],
)
def test_links_of_the_untrusted_are_held(author: Author) -> None:
    assert judge(Settings(), author, LINK, NOW) == Hold("links")
    assert judge(Settings(hold_links="nobody"), author, LINK, NOW) == Allow()


def test_links_of_the_trusted_pass() -> None:
    assert judge(Settings(), FAN, LINK, NOW) == Allow()
    assert judge(Settings(), replace(BOB, role="vip"), LINK, NOW) == Allow()


def test_allowed_domains_are_held_from_nobody() -> None:
    settings = Settings(domains=("evil.com",))
    assert judge(settings, BOB, LINK, NOW) == Allow()
    assert judge(settings, BOB, LINK + " and https://other.example", NOW) == Hold("links")


# --- shield ---------------------------------------------------------------------------------------------------------------


def test_the_shield_asks_for_ten_minutes_of_following() -> None:
    shield = Settings(shield=True)
    assert refusal(shield, BOB) == ("shield", None)
    assert refusal(shield, replace(BOB, follows_since=NOW - 9 * MINUTE)) == ("shield", 60_000)
    assert judge(shield, FAN, "hello", NOW) == Allow()


def test_what_is_stricter_than_the_shield_stays_in_force() -> None:
    strict = Settings(shield=True, followers_only_s=3600, slow_s=30)
    assert refusal(strict, replace(BOB, follows_since=NOW - 15 * MINUTE)) == ("followers", 45 * 60_000)
    assert slow_s(strict, None) == 30


def test_under_the_shield_links_are_held_from_all_without_a_role() -> None:
    shield = Settings(shield=True, hold_links="nobody")
    assert judge(shield, FAN, LINK, NOW) == Hold("links")
    assert judge(shield, replace(FAN, role="vip"), LINK, NOW) == Allow()


def test_the_shield_slows_down_all_without_a_role() -> None:
    assert slow_s(Settings(shield=True), None) == 10
    assert slow_s(Settings(shield=True), "vip") == 0
    assert slow_s(Settings(slow_s=5), None) == 5


# --- settings -------------------------------------------------------------------------------------------------------------


def test_settings_survive_the_way_through_redis() -> None:
    settings = Settings(slow_s=3, followers_only_s=0, emoji=("👍",), terms=("x",), domains=("a.example",))
    assert Settings.of(settings.public(), settings.private()) == settings
    assert Settings.of({"slow_s": 3, "of a later version": 1}, {}) == Settings(slow_s=3)


def test_what_everybody_sees_names_no_blocked_term() -> None:
    assert "secret" not in str(Settings(terms=("secret",), domains=("secret.example",)).public())


@pytest.mark.parametrize(
    "changes",
    [
        {"slow_s": -1},
        {"slow_s": 601},
        {"slow_s": True},
        {"slow_s": 1.5},
        {"followers_only_s": "10"},
        {"emote_only": 1},
        {"hold_links": "everybody"},
        {"emoji": []},
        {"emoji": ["x"]},
        {"emoji": ["👍", "👍"]},
        {"emoji": "👍"},
        {"emoji": ["👍" * 17]},
        {"domains": ["no domain"]},
        {"terms": ["x"]},
        {"surprise": 1},
        {"slow_s": 1, "shield": None},
    ],
)
def test_changes_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="bad_message"):
        changed(Settings(), changes)


def test_changes_leave_the_rest() -> None:
    before = Settings(slow_s=5, terms=("x",), domains=("a.example",))
    after = changed(before, {"followers_only_s": 0, "emoji": ["🔥"]})
    assert after == replace(before, followers_only_s=0, emoji=("🔥",))


@given(
    st.builds(Settings, slow_s=st.integers(0, 600), followers_only_s=st.none() | st.integers(0, 999), emote_only=st.booleans()),
    st.none() | st.timedeltas(min_value=dt.timedelta(), max_value=YEAR),
    st.text(max_size=40),
)
def test_the_shield_never_lets_more_through(settings: Settings, follows: dt.timedelta | None, text: str) -> None:
    author = replace(BOB, follows_since=None if follows is None else NOW - follows)

    def outcome(of: Settings) -> int:
        try:
            return 2 if judge(of, author, text, NOW) == Allow() else 1
        except Refused:
            return 0

    assert outcome(replace(settings, shield=True)) <= outcome(settings)
    assert slow_s(replace(settings, shield=True), None) >= slow_s(settings, None)
