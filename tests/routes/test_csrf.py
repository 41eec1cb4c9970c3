"""No other site can make somebody's browser do anything here: each POST wants the token of a page of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.routes.walk import ROUTES, filled, undone

EXEMPT = {
    "theme/": "nothing is at stake",
    "language/": "nothing is at stake",
    "accounts/mails-off/<str:token>/": "mail programs post there by themselves; the token in the address proves it",
    "api/schema/": "takes no POST",
    "api/docs/": "takes no POST",
}
WRITES = [
    (pattern, method)
    for pattern, route in ROUTES.items()
    if pattern.startswith("api/v1/")
    for method in route.methods
    if method != "GET"
]


@pytest.fixture
def browser(visitors: dict[str, Client]) -> Client:
    """Alice's, that another site has sent here."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies = visitors["owner"].cookies
    return client


@pytest.mark.django_db
def test_every_post_wants_a_token(browser: Client, parts: dict[str, str]) -> None:
    taken = set()
    for pattern, route in ROUTES.items():
        if not pattern.startswith("api/v1/"):
            with undone():
                answer = browser.post(filled(route, parts))
            refused = "403_csrf.html" in [template.name for template in answer.templates]
            taken |= set() if refused else {pattern}
    assert taken == set(EXEMPT)


@pytest.mark.django_db
@pytest.mark.parametrize(("pattern", "method"), WRITES)
def test_the_api_wants_one_of_whoever_comes_with_a_session(
    browser: Client, parts: dict[str, str], pattern: str, method: str
) -> None:
    answer = getattr(browser, method.lower())(filled(ROUTES[pattern], parts), {}, content_type="application/json")
    assert answer.status_code == 403 and "CSRF" in answer.json()["detail"]
