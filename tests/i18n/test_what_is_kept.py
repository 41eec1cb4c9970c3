"""What stores and programs are given is the same whatever language somebody reads."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from accounts.models import ModAction
from streams import announcements
from streams.models import Broadcast
from streams.reasons import said

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language that says the same, in quotation marks."""
    monkeypatch.setattr(translation._trans, "gettext", "«{}»".format)  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", list(Broadcast.State))
def test_pages_are_given_a_code_of_the_broadcasts_state(state: Broadcast.State) -> None:
    broadcast = Broadcast(state=state, started_at=NOW)
    code = "starting" if state == "publishing" else state.value
    shown = announcements.page(broadcast, NOW)["state"]
    assert broadcast.get_state_display() == f"«{code}»"
    assert type(shown) is str and shown == code


def test_an_entry_of_the_log_is_read_in_the_readers_language() -> None:
    entry = ModAction(detail={"outcome": "acted", "changes": {"slow_s": [0, 5], "shield": [False, True]}})
    assert entry.summary == "«acted upon», «slow»: 0 → 5, «shield»: «off» → «on»"


@pytest.mark.parametrize("outcome", ["acted upon", "of a later version"])
def test_an_outcome_that_is_no_code_is_read_as_it_was_written(outcome: str) -> None:
    assert ModAction(detail={"outcome": outcome}).summary == outcome


def test_advice_is_read_in_the_readers_language_with_its_number() -> None:
    words = said("lost_frames:20")
    assert words and words.short == "«frames are missing»" and str(words.advice).startswith("«20 % of your frames")
