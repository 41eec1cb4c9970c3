"""What is sent is what the description says, or refused with a message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import Channel
from tests.streams.api.conftest import Holder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "key_store")]
JSON = "application/json"
PROBLEM = "application/problem+json"
CHANNEL, KEYS, ME, FOLLOW = "/api/v1/channels/alice/", "/api/v1/keys/", "/api/v1/me/", "/api/v1/following/bob/"
OPERATOR = {"$ne": 1}


@pytest.fixture
def program(holder: Holder, channel: Channel) -> Client:
    return holder(channel.owner)


def refused(answer: Any, status: int = 400) -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM)
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status and problem["detail"] and problem["title"]
    return problem


@pytest.mark.parametrize(
    ("method", "address", "fields"),
    [
        ("patch", CHANNEL, ["owner", "owner_id", "name", "suspended_until", "id", "avatar", "followers", "$set"]),
        ("patch", ME, ["is_staff", "is_superuser", "email", "password", "groups", "session_epoch", "is_active"]),
        ("post", KEYS, ["channel_id", "hash", "public_id", "revoked_at", "expires_at", "$where"]),
        ("put", FOLLOW, ["user", "mailed_at", "channel"]),
    ],
)
def test_unknown_fields_are_refused_by_name(program: Client, bob: Any, method: str, address: str, fields: list[str]) -> None:
    for field in fields:
        problem = refused(getattr(program, method)(address, {field: "x"}, JSON))
        assert [fault["field"] for fault in problem["errors"]] == [field] and field in problem["detail"]


@pytest.mark.parametrize("value", [OPERATOR, {"$gt": ""}, {"$regex": ".*"}, ["x"], 1, 1.5, True, None])
@pytest.mark.parametrize(
    ("method", "address", "field"), [("post", KEYS, "label"), ("patch", CHANNEL, "title"), ("patch", ME, "first_name")]
)
def test_text_is_text(program: Client, method: str, address: str, field: str, value: object) -> None:
    assert refused(getattr(program, method)(address, {field: value}, JSON))["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("tags", OPERATOR, "tags"),
        ("tags", "maps", "tags"),
        ("tags", ["ok", OPERATOR], "tags.1"),
        ("tags", ["a"] * 6, "tags"),
        ("tags", ["a" * 26], "tags.0"),
        ("language", OPERATOR, "language"),
        ("language", "xx", "language"),
        ("latency", True, "latency"),
        ("latency", "none", "latency"),
        ("category", OPERATOR, "category"),
        ("title", "a" * 141, "title"),
        ("title", "a\0b", "title"),
        ("description", "\ud800", "description"),
    ],
)
def test_a_channel_takes_what_it_can_hold(program: Client, field: str, value: object, at: str) -> None:
    assert refused(program.patch(CHANNEL, json.dumps({field: value}), JSON))["errors"][0]["field"] == at
    assert Channel.objects.get(name="alice").tags == []


@pytest.mark.parametrize("value", ["true", 1, OPERATOR, None])
def test_a_flag_is_true_or_false(program: Client, bob: Any, value: object) -> None:
    assert refused(program.put(FOLLOW, {"by_mail": value}, JSON))["errors"][0]["field"] == "by_mail"


def test_what_has_the_right_form_and_cannot_be_done_says_why(program: Client) -> None:
    assert "categories" in refused(program.patch(CHANNEL, {"category": "nothing"}, JSON), 422)["detail"]
    assert "25 characters" in refused(program.patch(CHANNEL, {"tags": ["İ" * 25]}, JSON), 422)["detail"]


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"title": NaN}', b"\xff\xfe", b"[" * 60_000, b'{"title": ' + b"1" * 9000 + b"}", b"[]", b'"x"', b"null", b"1"],
)
def test_malformed_bodies_are_refused(program: Client, body: bytes) -> None:
    refused(program.patch(CHANNEL, body, JSON))


def test_a_body_has_its_bounds(program: Client) -> None:
    assert "64 KiB" in refused(program.patch(CHANNEL, {"title": "a" * 70_000}, JSON), 413)["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"])
def test_only_json_is_read(program: Client, kind: str) -> None:
    refused(program.patch(CHANNEL, b"title=x", kind), 415)


def test_only_json_is_answered(program: Client) -> None:
    refused(program.get(CHANNEL, headers={"Accept": "text/html"}), 406)


@pytest.mark.parametrize(
    "query",
    [
        "q=a%00b",
        "q=" + "a" * 101,
        "language=xx",
        "sort=password",
        "page=0",
        "page=x",
        "page=99999999999",
        "page_size=101",
        "owner=1",
    ],
)
def test_odd_questions_are_refused(client: Client, query: str) -> None:
    for path in ("/api/v1/channels/", "/api/v1/live/"):
        refused(client.get(f"{path}?{query}"))


def test_there_is_no_page_after_the_last(client: Client) -> None:
    refused(client.get("/api/v1/channels/?page=3"), 404)


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v1/channels/a%00b/", "/api/v2/me/", "/api/v1/keys/a.b/"]
)
def test_an_address_that_there_is_not_is_a_problem_too(client: Client, path: str) -> None:
    refused(client.get(path), 404)


def test_a_method_that_there_is_not_says_which_there_are(client: Client, channel: Channel) -> None:
    answer = client.delete(CHANNEL)
    refused(answer, 405)
    assert answer["Allow"] == "GET, HEAD, PATCH"
