from __future__ import annotations

import json

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from accounts.models import Channel
from livestream import problems
from streams.api import channels

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "plain_static")]


def fail(error: Exception) -> None:
    raise error


def test_a_fault_of_ours_says_nothing_of_itself(
    client: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(channels, "shown", lambda channel: fail(RuntimeError("the secret")))
    answer = client.get("/api/v1/channels/alice/")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "secret" not in answer.content.decode() and "the secret" in caplog.text


def test_a_database_that_is_away_is_no_fault(client: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "shown", lambda channel: fail(OperationalError("no route")))
    answer = client.get("/api/v1/channels/alice/")
    assert answer.status_code == 503 and answer["Retry-After"] == "60" and "no route" not in answer.content.decode()


def test_what_fails_around_the_views_is_a_problem_under_api_and_a_page_elsewhere(rf: RequestFactory) -> None:
    for status, view in ((400, problems.bad_request), (403, problems.permission_denied), (404, problems.page_not_found)):
        answer = view(rf.get("/api/v1/x/"), Exception("secret"))
        assert json.loads(answer.content)["status"] == answer.status_code == status and b"secret" not in answer.content
        assert answer["Content-Type"] == "application/problem+json"
    assert json.loads(problems.server_error(rf.get("/api/v1/x/")).content)["status"] == 500
    assert problems.server_error(rf.get("/elsewhere/"))["Content-Type"].startswith("text/html")


def test_a_page_whose_database_is_away_says_when_to_come_again(
    client: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.views.about", lambda *_: fail(OperationalError("no route")))
    client.raise_request_exception = False
    answer = client.get("/@alice/")
    assert answer.status_code == 503 and answer["Retry-After"] == "60" and "This is not your fault" in answer.content.decode()


def test_pages_keep_their_own_words(client: Client) -> None:
    assert client.get("/nowhere/")["Content-Type"].startswith("text/html")
