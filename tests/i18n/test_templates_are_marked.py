"""What templates say goes through gettext, so that it can be said in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path for path in (CHECKOUT / "templates").rglob("*") if path.suffix in (".html", ".txt"))

SAYS = re.compile(r"[^\W\d_]{2}")
READ = {  # attributes that people are told, some of them by scripts
    *("aria-label", "title", "placeholder", "alt", "summary", "empty", "unknown", "data-own", "data-one", "data-many"),
    *("data-cancelled", "data-known", "data-unsupported", "data-failed", "hx-confirm"),
}
WITHIN_A_TAG = {"passkey_attributes.html"}
CLASSES = {"main_class", "bodyclass", "coltype"}  # blocks within attributes
SILENT = {"script", "style", "code", "kbd"}
# The same in every language: units, names of formats and programs, what is made of other words.
EVERYWHERE = re.compile(r"\b(UTC|API|Hz|ms|kbit/s|ffmpeg|live_)|:(?=//)")
CHOICES = re.compile(r"""\|(?:yesno|default|default_if_none):(["'])(.*?)\1""")


class Reader(HTMLParser):
    """Gathers what people read; tags of the template are gone already."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = 0
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in SILENT
        given = dict(attrs)
        self.said += [value or "" for name, value in attrs if name in READ]
        if tag == "input" and given.get("type") in ("submit", "button"):
            self.said.append(given.get("value") or "")
        if tag == "meta" and given.get("name") == "description":
            self.said.append(given.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.said.append(data)


def bare(source: str) -> list[str]:
    """Words outside of {% translate %} and {% blocktranslate %}."""
    reader = Reader()
    reader.feed("".join(rest(source)))
    reader.close()
    return [words.strip() for words in [*reader.said, *chosen(source)] if SAYS.search(EVERYWHERE.sub("", words))]


def rest(source: str) -> Iterator[str]:
    """Without tags, variables, comments and marked blocks."""
    end = ""
    for token in Lexer(source).tokenize():
        name, *given = token.contents.split() if token.token_type == TokenType.BLOCK else ("",)
        if end:
            end = "" if name == end else end
        elif token.token_type == TokenType.TEXT:
            yield token.contents
        elif name in ("blocktranslate", "comment") or (name == "block" and given[0] in CLASSES):
            end = f"end{name}"


def chosen(source: str) -> Iterator[str]:
    """Of filters: what begins with a capital is for people, the rest for browsers."""
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.VAR:
            for match in CHOICES.finditer(token.contents):
                yield from (words for words in match[2].split(",") if words[:1].isupper())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(CHECKOUT / "templates")))
def test_a_template_says_nothing_that_cannot_be_translated(path: Path) -> None:
    source = path.read_text()
    assert bare(f"<form {source}>" if path.name in WITHIN_A_TAG else source) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Log in</p>", ["Log in"]),
        ('<p>{% translate "Log in" %}</p>', []),
        ("<p>{% blocktranslate trimmed with name=name %}Hello {{ name }}{% endblocktranslate %} there</p>", ["there"]),
        ('<input type="submit" value="Go"><input name="x" value="words">', ["Go"]),
        ('<button aria-label="Search" class="icon words">×</button>', ["Search"]),
        ("""<img alt="{% translate 'A picture' %}"><img alt="A picture">""", ["A picture"]),
        ('{{ up|yesno:"Up,Down" }} {{ up|yesno:"true,false" }}', ["Up", "Down"]),
        ('<script type="module" src="x">let words = 1;</script><code>live_x</code> 12 kbit/s, {{ at }} UTC', []),
        ("{# words for us #}{% comment %}more words{% endcomment %}", []),
    ],
)
def test_words_are_found_where_they_are_not_marked(source: str, found: list[str]) -> None:
    assert bare(source) == found
