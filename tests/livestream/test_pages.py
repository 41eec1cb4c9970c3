from __future__ import annotations

import asyncio

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory

from livestream import pages


class Counted:
    """Stands for the views: each request stays until it is let go."""

    def __init__(self) -> None:
        self.here = 0
        self.let_go = asyncio.Event()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.here += 1
        await self.let_go.wait()
        self.here -= 1
        return HttpResponse("seen")


@pytest.fixture
def view() -> Counted:
    return Counted()


@pytest.fixture
def served(view: Counted, monkeypatch: pytest.MonkeyPatch) -> pages.Pages:
    served = pages.Pages()
    monkeypatch.setattr(served, "_middleware_chain", view)
    return served


def asked(served: pages.Pages, path: str) -> asyncio.Task[HttpResponse]:
    return asyncio.create_task(served.get_response_async(AsyncRequestFactory().get(path)))  # type: ignore[arg-type]


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_comes_when_all_turns_are_taken_waits_for_one(served: pages.Pages, view: Counted) -> None:
    all_of_them = [asked(served, "/") for _ in range(pages.AT_A_TIME + 5)]
    await settled()
    assert view.here == pages.AT_A_TIME
    view.let_go.set()
    assert {answer.content for answer in await asyncio.gather(*all_of_them)} == {b"seen"}


async def test_who_waits_too_long_for_a_turn_is_told_when_to_come_again(
    served: pages.Pages, view: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served._turns, "patience_s", 0.01)
    first = [asked(served, "/") for _ in range(pages.AT_A_TIME)]
    await settled()
    late = await asked(served, "/api/v1/channels/")
    assert (late.status_code, late["Retry-After"]) == (503, "5") and b"Too many" in late.content
    assert b"not your fault" in (await asked(served, "/")).content
    view.let_go.set()
    await asyncio.gather(*first)


async def test_metrics_and_health_need_no_turn(served: pages.Pages, view: Counted) -> None:
    first = [asked(served, "/") for _ in range(pages.AT_A_TIME)]
    await settled()
    others = [asked(served, path) for path in ("/internal/metrics", "/internal/metrics/site", "/healthz", "/readyz")]
    late = asked(served, "/healthzx")
    await settled()
    assert view.here == pages.AT_A_TIME + len(others)
    view.let_go.set()
    await asyncio.gather(*first, *others, late)
