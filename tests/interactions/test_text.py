from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions.text import belongs_to, contains, fold, is_emoji_only, is_one_emoji, link_hosts, mentions, words


def has(term: str, text: str) -> bool:
    return contains(text, frozenset([words(term)]))


@pytest.mark.parametrize(
    "text",
    [
        "badword",
        "BadWord!",
        "ｂａｄｗｏｒｄ",
        "𝓫𝓪𝓭𝔀𝓸𝓻𝓭",
        "ba\u200bd\u2060wo\u00adrd",
        "b\u0336a\u0336d\u0336word",
        "bädwörd",
        "bаdwоrd",  # Cyrillic а, о
        "βαdwοrd",  # Greek
        "b4dw0rd",
        "so, *badword*.",
        "_badword_",
        "\u202ebadword",
    ],
)
def test_a_term_is_found_in_any_disguise(text: str) -> None:
    assert has("badword", text)
    assert has("BADW0RD", text)


@pytest.mark.parametrize("text", ["badwords", "abadword", "bad word", "", "b a d w o r d"])
def test_a_term_is_matched_as_a_whole_word(text: str) -> None:
    assert not has("badword", text)


def test_a_term_of_two_words_is_found_across_punctuation_and_lines() -> None:
    assert has("go away", "please GO... \n away now")
    assert not has("go away", "away go")


def test_numbers_are_not_read_as_letters() -> None:
    assert not has("so", "50")
    assert has("50", "give me 50!")
    assert not has("50", "so what")


def test_an_emoji_can_be_a_term_whatever_its_skin() -> None:
    assert has("🖕", "well🖕🏽then")


def test_a_term_of_punctuation_alone_matches_nothing() -> None:
    assert words("!!!") == ()


def test_a_cyrillic_sentence_is_no_disguised_term() -> None:
    assert not has("bad", "Привет всем, как дела?")


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=60))
def test_every_text_contains_its_own_words(text: str) -> None:
    found = words(text)
    assert not found or contains(text, frozenset([found]))
    assert all(contains(text, frozenset([(word,)])) for word in found)


@given(st.text(max_size=60), st.lists(st.sampled_from("\u200b\u200d\u00ad\u2060\ufeff\u0336"), max_size=5), st.integers(0, 60))
def test_what_is_invisible_changes_nothing(text: str, hidden: list[str], at: int) -> None:
    assert words(text[:at] + "".join(hidden) + text[at:]) == words(text)


@pytest.mark.parametrize(
    "text, host",
    [
        ("see https://evil.example/x?y", "evil.example"),
        ("HTTP://EVIL.EXAMPLE", "evil.example"),
        ("https:/evil.example", "evil.example"),
        ("https://youtube.com@evil.example/", "evil.example"),
        ("https://youtube.com:80@evil.example:8080/", "evil.example"),
        ("https://youtube.com\\@evil.example/", "youtube.com"),
        ("https://evil.example.", "evil.example"),
        ("evil.com", "evil.com"),
        ("go to evil.com!", "evil.com"),
        ("www.evil.example", "www.evil.example"),
        ("evil.example/path", "evil.example"),
        ("ev\u200bil.c\u00adom", "evil.com"),
        ("evil(dot)com", "evil.com"),
        ("evil [.] com", "evil.com"),
        ("ｅｖｉｌ．ｃｏｍ", "evil.com"),
        ("evil。com", "evil.com"),
        ("evil.сом", "evil.сом"),  # a Cyrillic ending that reads as com
        ("https://127.0.0.1:8000/", "127.0.0.1"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
    ],
)
def test_a_link_is_found_with_the_host_that_a_browser_would_ask(text: str, host: str) -> None:
    assert link_hosts(text) == [host]


@pytest.mark.parametrize(
    "text",
    [
        "see .www.evil.com",
        "-www.evil.zip",
        "mail@www.evil.zip",
        "www.\\evil.zip",
        "https:////1.2.3.4/pay",
        "https:\\\\1.2.3.4",
        "https://\\1.2.3.4/a",
        "https://\\evil.zip",
        "éhttps://evil.zip",
        "日https://1.2.3.4/x",
        "x\u200bhttps://evil.zip",
        "https://3232235777/",
        "https://../x",
    ],
)
def test_whatever_is_clickable_is_a_link(text: str) -> None:
    assert link_hosts(text)


@given(st.text(max_size=20), st.sampled_from(["https://", "HTTP://", "https:////", "https://\\"]), st.text(max_size=20))
def test_a_scheme_makes_a_link_wherever_it_stands(before: str, scheme: str, after: str) -> None:
    assert link_hosts(f"{before} {scheme}evil.zip{after}")
    assert link_hosts(f"{before}{scheme}1.2.3.4/{after}")


@given(st.text(max_size=20), st.sampled_from("é日-.(@/🙂\u200b"), st.text(max_size=20))
def test_www_makes_a_link_behind_whatever_is_no_letter_of_ascii(before: str, between: str, after: str) -> None:
    assert link_hosts(f"{before}{between}www.evil.zip/{after}")


def test_the_end_of_a_sentence_is_not_part_of_a_host() -> None:
    assert link_hosts("https://youtube.com? (https://youtube.com), www.youtube.com!") == ["youtube.com", "www.youtube.com"]


@pytest.mark.parametrize("text", ["", "nice.then we go", "3.14", "e.g. this", "...", "what?!", "v1.2.3", "@alice", "no.mod"])
def test_plain_words_are_no_link(text: str) -> None:
    assert link_hosts(text) == []


def test_a_mail_address_is_no_link() -> None:
    assert link_hosts("bob@example.com") == []


def test_an_allowed_domain_covers_what_lies_below_it_and_nothing_that_only_looks_so() -> None:
    assert belongs_to("youtube.com", ("youtube.com",))
    assert belongs_to("www.youtube.com", ("youtube.com",))
    assert not belongs_to("notyoutube.com", ("youtube.com",))
    assert not belongs_to("youtube.com.evil.example", ("youtube.com",))


@given(st.text(max_size=80))
def test_any_text_can_be_searched_for_links(text: str) -> None:
    assert all(host == host.casefold() for host in link_hosts(text))


@pytest.mark.parametrize("text", ["👍", "👍🏽 ❤️", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "7️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "  🎉\t😮 "])
def test_emoji_alone_are_emoji(text: str) -> None:
    assert is_emoji_only(text)


@pytest.mark.parametrize("text", ["", " ", "7", "\u200d", "👍 ok", "ok", ":)", "⠿⠿", "°°"])
def test_anything_else_is_not(text: str) -> None:
    assert not is_emoji_only(text)


def test_one_emoji_is_short_and_in_one_piece() -> None:
    assert is_one_emoji("❤️") and is_one_emoji("👨‍👩‍👧‍👦")
    assert not is_one_emoji("👍 👍") and not is_one_emoji("👍" * 20) and not is_one_emoji("x")


def test_mentions_are_channel_names_each_once() -> None:
    assert mentions("@alice hi, @Bob_2! and (@alice) @al mail@carol.org @dave.x @@eve") == ["alice", "bob_2", "dave"]


def test_a_message_cannot_mention_everybody() -> None:
    assert len(mentions(" ".join(f"@viewer{number}" for number in range(30)))) == 10
