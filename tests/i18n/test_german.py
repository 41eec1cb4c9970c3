"""German is complete: what lacks it, or has lost a name on the way, fails here."""

from __future__ import annotations

import gettext
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import Category, User
from streams.management.commands.init import CATEGORIES
from tests.pages import text

CHECKOUT = Path(__file__).resolve().parents[2]
PLACE = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}|</?\w+[^<>]*>")
FORMAL = re.compile(r"\b(Sie|Ihnen|Ihre?[nmrs]?)\b")


def test_every_word_has_its_german() -> None:
    checked = subprocess.run(["script/messages", "--check"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr[-3000:]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """(English, German) of everything; of a plural its own form."""
    return [
        pair for po in (CHECKOUT / "locale/de/LC_MESSAGES").glob("*.po") for pair in pairs(po, tmp_path_factory.mktemp("de"))
    ]


def pairs(po: Path, directory: Path) -> Iterator[tuple[str, str]]:
    subprocess.run(["msgfmt", "--output-file", directory / "it.mo", po], check=True)
    with (directory / "it.mo").open("rb") as file:
        found: dict[str | tuple[str, int], str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    for english, german in found.items():
        yield (english if isinstance(english, str) else english[0]), german


def test_names_and_links_are_where_they_were(catalogue: list[tuple[str, str]]) -> None:
    assert len(catalogue) > 1000
    lost = [(english, german) for english, german in catalogue if english and places(english) != places(german)]
    assert lost == []


def places(words: str) -> list[str]:
    return sorted(PLACE.findall(words))


def test_it_says_du(catalogue: list[tuple[str, str]]) -> None:
    formal = [german for english, german in catalogue if english and FORMAL.search(german) and not sentence_begins(german)]
    assert formal == []


def sentence_begins(german: str) -> bool:
    """There, “Sie” is she, it or they as well."""
    return all(match.start() == 0 or german[match.start() - 2] in ".:!?" for match in FORMAL.finditer(german))


def test_categories_that_come_with_the_site_have_german_names_and_others_their_own() -> None:
    with translation.override("de"):
        assert all(str(Category(name=name)) != name for name in set(CATEGORIES.values()))
        assert str(Category(name="Schach")) == "Schach"


# --- pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache", "key_store")
@pytest.mark.parametrize(
    ("path", "words", "never"),
    [
        ("/", ["Niemand ist live.", "Registrieren", "Jetzt live", "Jede Sprache", "Hell"], ["Nobody", "Sign up", "Search"]),
        ("/@alice/", ["Zum Chatten anmelden", "Über alice", "Teilen", "Noch hat niemand"], ["Log in", "Share", "Nobody"]),
        ("/accounts/signup/", ["Kanalname", "Passwort", "Du hast ein Konto?"], ["Password", "Sign up", "Channel"]),
        ("/accounts/login/", ["Mit einem Passkey anmelden", "Passwort"], ["Password", "Log in"]),
        ("/nowhere/", ["Hier ist nichts"], ["There is nothing"]),
    ],
)
def test_strangers_read_german(client: Client, alice: User, path: str, words: list[str], never: list[str]) -> None:
    check(client, path, words, never)


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache", "key_store")
@pytest.mark.parametrize(
    ("path", "words", "never"),
    [
        ("/dashboard/", ["Du bist nicht live", "Dein Stream", "Wie es läuft", "Keyframe-Abstand"], ["You are", "Your stream"]),
        ("/dashboard/chat/", ["Schutzschild heben", "Blockierte Begriffe", "Langsamer Modus"], ["Shield", "Blocked", "Slow"]),
        ("/dashboard/broadcasts/", ["Noch keine Übertragungen"], ["No broadcasts"]),
        ("/accounts/profile/", ["Profil", "Höchstens fünf"], ["Five at most", "Save"]),
        ("/following/", ["Du folgst noch niemandem."], ["You follow"]),
    ],
)
def test_alice_reads_german(client: Client, alice: User, path: str, words: list[str], never: list[str]) -> None:
    client.force_login(alice)
    check(client, path, words, never)


def check(client: Client, path: str, words: list[str], never: list[str]) -> None:
    page = text(client.get(path, headers={"accept-language": "de"}))
    assert '<html lang="de"' in page
    assert [each for each in words if each not in page] == []
    assert [each for each in never if re.search(rf">\s*{re.escape(each)}", page)] == []
    assert FORMAL.findall(re.sub(r"<[^<>]*>", "", page)) == []
