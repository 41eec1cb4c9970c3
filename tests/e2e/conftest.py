from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.chromium import launch_chromium
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.watcher import Watcher
from tests.live import Site

Visit = Callable[[Streamer | None], Page]


@pytest.fixture(scope="session")
def cast(site: Site) -> Iterator[Cast]:
    with Cast(site) as cast:
        yield cast


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice")


@pytest.fixture
def mallory(cast: Cast) -> Streamer:
    return cast.join("mallory")


@pytest.fixture
def bob(cast: Cast) -> Streamer:
    return cast.join("bob")


@pytest.fixture
def carol(cast: Cast) -> Streamer:
    return cast.join("carol", is_staff=True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for the whole session: while it runs, so does an event loop, which tests of coroutines want for themselves."""
    with launch_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Visit]:
    """A browser of its own for a stranger, or for somebody who has logged in."""
    contexts: list[BrowserContext] = []

    def visit(person: Streamer | None) -> Page:
        contexts.append(chromium.new_context())
        if person:
            contexts[-1].add_cookies([{"name": "sessionid", "value": person.cookie, "url": site.url}])
        return contexts[-1].new_page()

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit(None)


@pytest.fixture
def watcher(visit: Visit) -> Watcher:
    return Watcher(visit(None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the site does wrong it does again; what another's work on the processor did is over."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=2))
