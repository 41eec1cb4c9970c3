"""What log lines are about, beside what they say: the request, the broadcast, the job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=NOTHING)


def about() -> Mapping[str, str]:
    return _about.get()


def note(**fields: str) -> None:
    """For the rest of this request or task."""
    _about.set({**_about.get(), **fields})


@contextmanager
def apart() -> Iterator[None]:
    """For tasks that go on without whoever begins them: they are about nothing yet."""
    token = _about.set(NOTHING)
    try:
        yield
    finally:
        _about.reset(token)


@contextmanager
def logged(**fields: str) -> Iterator[None]:
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)
