"""The API's parts that are about an account, and its description."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiToken, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "plain_static")]
ME = "/api/v1/me/"


def program(user: User, *scopes: str) -> Client:
    _token, text = ApiToken.objects.create(user, name="a program", scopes=list(scopes))
    return Client(headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    answer = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_one_reads_and_changes_ones_account(alice: User) -> None:
    client = program(alice, "read", "account")
    assert client.get(ME).json()["channel"] == "alice"
    assert client.patch(ME, {"first_name": " Alice "}, "application/json").json()["first_name"] == "Alice"
    assert User.objects.get().first_name == "Alice"


def test_a_token_does_what_its_scopes_say(alice: User) -> None:
    reader, writer = program(alice, "read"), program(alice, "account")
    assert reader.patch(ME, {"first_name": "A"}, "application/json").status_code == 403
    answer = writer.get(ME)
    assert answer.status_code == 403 and "“read”" in answer.json()["detail"]


def test_an_account_without_a_channel_has_none(db: None) -> None:
    assert program(User.objects.create_user("dora@example.org"), "read").get(ME).json()["channel"] is None


def test_a_session_will_do_in_a_browser(client: Client, alice: User) -> None:
    assert client.get(ME).status_code == 401
    client.force_login(alice)
    assert client.get(ME).json()["email"] == alice.email


def test_every_operation_is_described_whole(schema: dict[str, Any]) -> None:
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids)) > 15
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operation in operations:
        assert operation["responses"]["default"]["content"] == problem and operation["description"]
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_what_is_for_everybody_says_so_and_the_rest_says_its_scope(schema: dict[str, Any]) -> None:
    paths = schema["paths"]
    assert {} in paths["/api/v1/live/"]["get"]["security"] and {} not in paths[ME]["get"]["security"]
    assert "Scope: `keys`" in paths["/api/v1/keys/"]["post"]["description"]
