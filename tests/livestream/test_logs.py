"""What is written, and that no secret is: each goes in by the ways that text reaches a log."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from django.test import Client

from livestream import logs
from streams import logged as logged_module
from streams.logged import apart, logged, note
from tests.log_lines import Written, json_of
from tests.pages import text

CANARY = secrets.token_urlsafe(24)
KEY = f"live_0a1b2c3d_{secrets.token_hex(20)}"
HOLDING = [
    "GET /internal/rtmp/{}/b00t/ was refused",
    "Not Found: /accounts/first-administrator/{}/",
    "Not Found: /accounts/password/reset/key/{}/",
    "Not Found: /accounts/confirm-email/{}/",
    "Not Found: /accounts/mails-off/{}/",
    "no answer from postgres://livestream:{}@127.0.0.1:5432/livestream",
    "no answer from redis://:{}@127.0.0.1/0",
    "headers: Authorization: Token {}",
    "headers: {{'authorization': 'Bearer {}'}}",
    "headers: [(b'authorization', b'Basic {}'), (b'host', b'localhost')]",
    "Cookie: csrftoken=0; sessionid={}",
    "{{'cookie': 'sessionid={}'}}",
    "Set-Cookie: sessionid={}; HttpOnly",
    "GET /?sessionid={}&page=2",
    "form: password={}&email=alice@example.org",
    '{{"password1": "{}"}}',
    "token {} is not known",
]


@pytest.fixture(autouse=True)
def nothing_noted_before() -> None:
    """Django's test client answers in the test's own context."""
    logged_module._about.set(logged_module.NOTHING)


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest) -> Written:
    return Written(logs.Text() if request.param == "text" else logs.Json())


@pytest.fixture
def objects() -> Iterator[Written]:
    yield Written(logs.Json())


@pytest.mark.parametrize("words", HOLDING)
def test_a_secret_is_left_out_of_words_arguments_and_tracebacks(written: Written, words: str) -> None:
    whole = words.format(CANARY)
    written.log.warning(whole.replace("%", "%%"))
    written.log.warning("it said: %s", whole)
    written.log.warning("it said: %s", {"text": whole})
    try:
        raise ValueError(whole)
    except ValueError:
        written.log.exception("it failed")
    assert CANARY not in written.text
    assert written.text.count(logs.GONE) >= 4


def test_a_stream_key_keeps_the_part_that_is_public(written: Written) -> None:
    written.log.warning("publisher with %s", KEY)
    assert KEY[-40:] not in written.text and KEY[:13] in written.text


def test_the_site_s_own_secrets_are_known_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in logs.SECRETS:
        monkeypatch.setenv(name, f"{name}-{CANARY}")
    for kind in (logs.Text, logs.Json):
        written = Written(kind())
        for name in logs.SECRETS:
            written.log.error("odd: <%s-%s>", name, CANARY)
        assert CANARY not in written.text


def test_what_tells_what_happened_stays(written: Written) -> None:
    words = "broadcast 0123456789abcdef: 720p of it has no encoder: a new one is called, GET /@alice/?page=2"
    written.log.warning(words)
    assert words in written.text


def test_a_line_of_json_has_its_request_and_what_it_is_about(objects: Written) -> None:
    with logged(broadcast="0123456789abcdef", job="7"):
        objects.log.warning("no picture from “%s”\nin two lines", "alice")
    line = objects.last
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "test",
        "message": "no picture from “alice”\nin two lines",
        "broadcast": "0123456789abcdef",
        "job": "7",
    }
    objects.log.warning("afterwards")
    assert "broadcast" not in objects.last


def test_what_is_noted_within_a_task_ends_with_it(objects: Written) -> None:
    with logged(request="r"):
        note(broadcast="b")
        objects.log.warning("in it")
        assert (objects.last["request"], objects.last["broadcast"]) == ("r", "b")
    objects.log.warning("after it")
    assert "request" not in objects.last and "broadcast" not in objects.last


def test_what_goes_on_without_who_began_it_is_about_nothing_of_theirs(objects: Written) -> None:
    with logged(request="r"):
        with apart():
            objects.log.warning("a task")
            assert "request" not in objects.last
        objects.log.warning("the request")
        assert objects.last["request"] == "r"


@pytest.mark.django_db
def test_each_request_is_named_by_the_site_alone(client: Client) -> None:
    answers = [client.get("/healthz", headers={"X-Request-ID": "mallory"}) for _ in range(2)]
    names = {answer["X-Request-ID"] for answer in answers}
    assert len(names) == 2 and all(len(name) == 16 for name in names)
    assert [text(answer) for answer in answers] == ["ok", "ok"]


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache")
def test_the_name_of_a_request_is_in_its_lines(client: Client) -> None:
    with json_of("django.request") as objects:
        answer = client.get(f"/accounts/first-administrator/{CANARY}/")
    assert answer.status_code == 404
    assert objects.last["request"] == answer["X-Request-ID"]
    assert CANARY not in objects.text
