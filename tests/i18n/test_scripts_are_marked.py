"""What scripts say goes through _(…) or ngettext(…) of live/i18n, so that it can be said in the reader's language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((CHECKOUT / "static/js").glob("*.js"))

COMMENT = re.compile(r"(?m)(?:^|(?<=[\s;{]))//.*$|/\*(?s:.*?)\*/")
MARKED = re.compile(r'(?<![\w.])(?:_|ngettext)\(\s*(?:"(?:[^"\\]|\\.)*"(?:\s*[,+]\s*)?)+')
REGULAR = re.compile(r"(?<=[(,=:\s])/(?![/*\s])(?:\[[^\]]*\]|\\.|[^/\\\n\[])+/[a-z]*(?=[\s.,;)])")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`((?:[^`\\]|\\.)*)`', re.DOTALL)
HOLE = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")
TAG = re.compile(r"<[^<>]*>")
TOLD = re.compile(r'(?:aria-label|title|placeholder|alt)="([^"$]*[^\W\d_]{2}[^"$]*)"')
# A sentence, or a word with a capital: what browsers are told has neither.
SAYS = re.compile(r"[^\W\d_]{2,}[,.…:]? [^\W\d_]{2,}|^\W*[A-Z][a-z]+\b|[a-z][.…!?]$")
# What browsers and programs are told.
PROGRAMS = re.compile(
    r"^(Arrow\w*|Escape|Enter|Home|End|Tab|Accept|\w+Error|X-[\w-]+|Mbit/s|rtc\."  # keys, headers, units
    r"|\(prefers-.*|[.#][\w-]+ .*|body, main|input, .*|.*[#.\[]\S*[\]=].*"  # media queries, selectors
    r"|noopener .*|fullscreen; .*|(btn|chat|graph|player|live|visually)[\w -]*)$"  # attributes, classes
)


def bare(source: str) -> list[str]:
    """Words outside of the marks."""
    source = MARKED.sub("(", REGULAR.sub("0", COMMENT.sub("", source)))
    found = []
    for match in STRING.finditer(source):
        whole = next(group for group in match.groups() if group is not None)
        found += [*TOLD.findall(whole), *TAG.sub("\n", HOLE.sub(" ", whole)).split("\n")]
    return [words.strip() for words in found if SAYS.search(words.strip()) and not PROGRAMS.match(words.strip())]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_nothing_that_cannot_be_translated(path: Path) -> None:
    assert bare(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('say("Nobody is here.")', ["Nobody is here."]),
        ('say(_("Nobody is here."))', []),
        ('say(ngettext("{count} day", "{count} days", 2))', []),
        ("say(`${name} is banned.`)", ["is banned."]),
        ('made.ariaLabel = "Close";  // Close it', ["Close"]),
        ('box.innerHTML = `<button aria-label="Close it"></button>`', ["Close it"]),
        ('event.key === "Escape" || find("li[tabindex=0] .chat-text")', []),
        ('text.replace(/"(a b)/, "")', []),
    ],
)
def test_words_are_found_where_they_are_not_marked(source: str, found: list[str]) -> None:
    assert bare(source) == found
