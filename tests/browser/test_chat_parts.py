"""The parts of the chat's page that decide something, each by itself: what time it is, and what is random, they are told."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Browser

from interactions.fields import plain
from interactions.text import link_hosts
from tests.browser.room import HOST, Room

CODES = """bad_message too_long empty sign_in slow rate duplicate timeout banned site_banned followers emote_only links term
    held_full shield not_found forbidden no_room busy"""


@pytest.fixture(scope="module")
def parts(chromium: Browser) -> Any:
    """Runs a script that has the module as `m`: parts("chat-text", "return m.parts('a')")."""
    page = chromium.new_page()
    Room(page)
    page.goto(f"{HOST}/@alice/")

    def run(module: str, script: str) -> Any:
        return page.evaluate(f"async () => {{ const m = await import('live/{module}'); {script} }}")

    return run


# --- text -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.org/a?b=c#d now", ["https://example.org/a?b=c#d"]),
        ("(https://example.org/wiki/A_(b)), really", ["https://example.org/wiki/A_(b)"]),
        ("https://example.org.", ["https://example.org"]),
        ("www.example.org and HTTP://EXAMPLE.ORG/x", ["www.example.org", "HTTP://EXAMPLE.ORG/x"]),
        ("javascript:alert(1) data:text/html,x vbscript:x file:///etc/passwd", []),
        ("https://youtube.com@evil.example/ is not youtube", []),
        ("https://localhost/ http://:80/ https://", []),
        ('https://example.org/"onmouseover="alert(1)', ["https://example.org/"]),
        ("https://example.org/<script>alert(1)</script>", ["https://example.org/"]),
    ],
)
def test_links_are_found_and_nothing_else_is_one(parts: Any, text: str, links: list[str]) -> None:
    found = parts("chat-text", f"return m.parts({text!r})")
    assert "".join(part["text"] for part in found) == text
    assert [part["text"] for part in found if "href" in part] == links
    assert all(part["href"].startswith(("http://", "https://")) for part in found if "href" in part)


BEFORE = [
    "",
    " ",
    "see ",
    "x",
    "_",
    "7",
    "é",
    "日",
    "ſ",
    "-",
    ".",
    "@",
    "bob@",
    "/",
    "\\",
    "(",
    '"',
    "🙂",
    "\u200b",
    "\u0301",
    "\xa0",
]
SCHEMES = [
    "https://",
    "HTTP://",
    "https:/",
    "https:",
    "https:////",
    "https:\\\\",
    "https://\\",
    "https:/\\/",
    "httpſ://",
    "www.",
]
HOSTS = [
    "evil.zip",
    "1.2.3.4",
    "3232235777",
    "évil.de",
    "evil。zip",
    "\\evil.zip",
    ".",
    "..",
    "..a",
    "a",
    "user@evil.zip",
    "[::1]",
]
HOSTS += [
    "%65vil.zip",
    "ev\u00adil.zip",
    "／evil.zip",
    "evil.zip？x",
    "¨evil.zip",
    "\u200bevil.zip",
    "youtube.com\\@evil.zip",
    "www.a",
]
AFTER = ["", "/x", ":80", "!", ".", ")", "\\", " and more", "\u3000more", "。"]


def test_the_server_finds_whatever_the_page_makes_clickable(parts: Any) -> None:
    corpus = [plain("".join(each)) for each in product(BEFORE, SCHEMES, HOSTS, AFTER)]
    found = parts("chat-text", f"return {json.dumps(corpus)}.map((text) => m.parts(text).some((part) => part.href))")
    assert sum(found) > 3000
    assert [text for text, is_link in zip(corpus, found, strict=True) if is_link and not link_hosts(text)] == []


def test_mentions_are_names_of_channels(parts: Any) -> None:
    found = parts("chat-text", "return m.parts('@bob, @Carol! mail@example.org a@bob @no @dave_7')")
    assert [part["mention"] for part in found if "mention" in part] == ["bob", "carol", "dave_7"]


# --- commands -------------------------------------------------------------------------------------------------------------

ROOM = "{ find: (name) => ({ bob: 'u2', carol: 'u3' })[name] ?? null, lastOwn: 12 }"


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("/timeout bob", {"do": "timeout", "user": "u2", "seconds": 600}),
        ("/timeout @Bob 90 be  nice", {"do": "timeout", "user": "u2", "seconds": 90, "reason": "be nice"}),
        ("/timeout bob 2h", {"do": "timeout", "user": "u2", "seconds": 7200}),
        ("/timeout bob spam again", {"do": "timeout", "user": "u2", "seconds": 600, "reason": "spam again"}),
        ("/ban bob", {"do": "ban", "user": "u2"}),
        ("/ban bob spam", {"do": "ban", "user": "u2", "reason": "spam"}),
        ("/unban bob", {"do": "absolve", "user": "u2"}),
        ("/untimeout bob", {"do": "absolve", "user": "u2"}),
        ("/purge bob", {"do": "purge", "user": "u2"}),
        ("/clear", {"do": "clear"}),
        ("/slow 10", {"do": "set", "settings": {"slow_s": 10}}),
        ("/slow off", {"do": "set", "settings": {"slow_s": 0}}),
        ("/followers 10m", {"do": "set", "settings": {"followers_only_s": 600}}),
        ("/followers", {"do": "set", "settings": {"followers_only_s": 0}}),
        ("/followers off", {"do": "set", "settings": {"followers_only_s": None}}),
        ("/emote on", {"do": "set", "settings": {"emote_only": True}}),
        ("/shield off", {"do": "shield", "on": False}),
        ("/siteban carol threats", {"do": "site_ban", "user": "u3", "reason": "threats"}),
        ("/siteunban carol", {"do": "site_absolve", "user": "u3"}),
        ("/pin", {"do": "pin", "of": 12}),
        ("/unpin", {"do": "unpin"}),
        ("/MOD carol", {"do": "role", "user": "u3", "role": "mod"}),
        ("/vip carol", {"do": "role", "user": "u3", "role": "vip"}),
        ("/unmod carol", {"do": "role", "user": "u3", "role": None}),
    ],
)
def test_a_command_becomes_a_frame(parts: Any, text: str, frame: dict[str, Any]) -> None:
    assert parts("chat-commands", f"return m.command({text!r}, {ROOM})") == {"mod": frame}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/timeout", "Use it so: /timeout name [10m] [reason]"),
        ("/timeout bob 15d", "14 days at most"),
        ("/timeout bob 0", "14 days at most"),
        ("/ban nobody", "There is nobody called nobody."),
        ("/slow", "Use it so: /slow 10 | off"),
        ("/slow soon", "Use it so"),
        ("/emote maybe", "Use it so: /emote on | off"),
        ("/dance", "There is no command /dance"),
        ("/constructor", "There is no command /constructor"),
        ("/", "There is no command /"),
    ],
)
def test_misuse_is_answered_in_words(parts: Any, text: str, words: str) -> None:
    assert words in parts("chat-commands", f"return m.command({text!r}, {ROOM})")["error"]


def test_what_is_no_command_is_left_alone(parts: Any) -> None:
    plain = f"return ['hello', '//shrug', ' /ban bob'].map((text) => m.command(text, {ROOM}))"
    assert parts("chat-commands", plain) == [None] * 3
    assert parts("chat-commands", f"return m.command('/pin read  this', {ROOM})") == {"pin": "read this"}


def test_commands_are_hinted_at_as_they_are_typed(parts: Any) -> None:
    assert parts("chat-commands", "return m.hints('/un').map((hint) => hint.usage)") == ["/unban name", "/unpin", "/unmod name"]
    assert parts("chat-commands", "return m.hints('/slow 5').map((hint) => hint.usage)") == ["/slow 10 | off"]
    assert parts("chat-commands", "return [...m.hints('hello'), ...m.hints('//un')]") == []


def test_people_are_found_by_their_names(parts: Any) -> None:
    script = """
      const people = new m.People();
      people.meet({ id: "u2", name: "bob" });
      return ["bob", "never_seen", "user-17", "no such name"].map((name) => people.find(name));
    """
    assert parts("chat-people", script) == ["u2", "@never_seen", "u17", None]


# --- what is known, what was sent, when to come back ----------------------------------------------------------------------


def test_what_comes_twice_is_dropped(parts: Any) -> None:
    script = """
      const sequence = new m.Sequence();
      const before = sequence.known;
      const first = sequence.begin({ epoch: "k3", last: 4, reset: true, items: [{ n: 2 }, { n: 4 }] });
      const news = [5, 5, 4, 6].map((n) => sequence.isNew({ n }));
      const again = sequence.begin({ epoch: "k3", last: 8, reset: false, items: [{ n: 6 }, { n: 7 }, { n: 8 }] });
      const other = sequence.begin({ epoch: "k4", last: 1, reset: true, items: [{ n: 1 }] });
      return { before, first, news, again, other, known: sequence.known, plain: sequence.isNew({ t: "rx" }) };
    """
    assert parts("chat-sequence", script) == {
        "before": {},
        "first": [{"n": 2}, {"n": 4}],
        "news": [True, False, False, True],
        "again": [{"n": 7}, {"n": 8}],
        "other": [{"n": 1}],
        "known": {"epoch": "k4", "last": 1},
        "plain": True,
    }


def test_messages_go_again_after_a_reconnect_and_deeds_do_not(parts: Any) -> None:
    script = """
      const outbox = new m.Outbox();
      const nonces = ({ again, lost }) => [again, lost].map((frames) => frames.map(({ nonce }) => nonce));
      for (const [nonce, t] of [["a", "say"], ["b", "mod"], ["c", "say"], ["d", "mod"]]) {
        outbox.add({ nonce, t }, 0);
        if (nonce !== "d") outbox.sent(nonce, 0);
      }
      const frame = outbox.answered("a");
      return [frame.nonce, outbox.answered("a") ?? null, nonces(outbox.resume(1000)), nonces(outbox.resume(60_000))];
    """
    assert parts("chat-outbox", script) == ["a", None, [["c", "d"], ["b"]], [["d"], ["c"]]]


def test_an_answer_that_does_not_come_says_that_the_connection_is_dead(parts: Any) -> None:
    script = """
      const outbox = new m.Outbox();
      outbox.add({ nonce: "a", t: "say" }, 0);
      const waiting = outbox.isOverdue(60_000);
      outbox.sent("a", 60_000);
      return [waiting, outbox.isOverdue(67_000), outbox.isOverdue(68_001)];
    """
    assert parts("chat-outbox", script) == [False, False, True]


def test_it_comes_back_soon_and_then_less_and_less_often(parts: Any) -> None:
    script = """
      const nine = (retry) => Array.from({ length: 9 }, () => retry.after(null));
      const delays = (random) => nine(new m.Retry(() => random));
      const retry = new m.Retry(() => 0.5);
      retry.after(null); retry.after(null); retry.succeeded();
      const bye = (retry_ms, reason) => ({ t: "bye", retry_ms, reason });
      const told = [bye(4200, "restart"), { t: "resync" }, bye(10, "flood")];
      return { least: delays(0), most: delays(1), after: retry.after(null), told: told.map((words) => retry.after(words)) };
    """
    found = parts("chat-retry", script)
    assert found["most"][:3] == [400, 800, 1600] and found["most"][-1] == 20_000
    assert found["least"] == [most / 2 for most in found["most"]]
    assert found["after"] == 300 and found["told"] == [4200, 500, 10_000]


# --- the picture, taps, words ---------------------------------------------------------------------------------------------


def test_messages_wait_for_the_picture_and_no_longer_than_fifteen_seconds(parts: Any) -> None:
    script = """
      const delay = new m.Delay();
      const item = (n, media, at = 100_000) => ({ n, media, at });
      const numbers = (items) => items.map(({ n }) => n);
      const held = [item(1, 50_000), item(2, 52_000), item(3, undefined), item(4, 99_000), item(5, 180_000)].map((one) =>
        delay.hold(one, 51_000, 0));
      const seen = [[51_900, 900], [52_000, 1000], [60_000, 14_999], [60_000, 15_000]].map(([picture, now]) =>
        numbers(delay.due(picture, now)));
      return { held, seen, empty: delay.isEmpty, nothing: delay.hold(item(6, 99_000), null, 0) };
    """
    found = parts("chat-delay", script)
    assert found["held"] == [False, True, False, True, True]
    assert found["seen"] == [[], [2], [], [4, 5]] and found["empty"] and not found["nothing"]


def test_nobody_holds_messages_back_by_a_date_that_is_to_come(parts: Any) -> None:
    script = """
      const delay = new m.Delay();
      delay.hold({ n: 1, media: 109_000, at: 100_000 }, 98_000, 0);
      return [delay.due(99_999, 1).length, delay.due(100_000, 2).length];
    """
    assert parts("chat-delay", script) == [0, 1]


def test_what_is_taken_back_while_it_waits_never_comes(parts: Any) -> None:
    script = """
      const delay = new m.Delay();
      for (const n of [1, 2]) delay.hold({ n, media: 52_000, at: 100_000 }, 51_000, 0);
      delay.drop(({ n }) => n === 1);
      return [delay.due(null, 1).map(({ n }) => n), delay.isEmpty];
    """
    assert parts("chat-delay", script) == [[2], True]


def test_taps_are_counted_no_faster_than_the_server_takes_them(parts: Any) -> None:
    script = """
      const taps = new m.Taps(0);
      const tapped = Array.from({ length: 20 }, () => taps.tap("👍", 0)).filter(Boolean).length;
      const take = () => { const taken = taps.take(1000); return taken && [taken.emoji, taken.count]; };
      const later = [taps.tap("🎉", 1000), take(), take(), take(), take()];
      return { tapped, later };
    """
    found = parts("chat-taps", script)
    assert found["tapped"] == 12
    assert found["later"] == [True, ["👍", 10], ["🎉", 1], ["👍", 2], None]


def test_one_s_own_taps_do_not_come_back(parts: Any) -> None:
    script = """
      const taps = new m.Taps(0);
      for (let i = 0; i < 3; i += 1) taps.tap("👍", 0);
      taps.take(0);
      const first = taps.others({ "👍": 2, "🎉": 1 }, 100);
      const second = taps.others({ "👍": 5 }, 200);
      taps.tap("👍", 300);
      taps.take(300);
      return [first, second, taps.others({ "👍": 1 }, 4000)];
    """
    assert parts("chat-taps", script) == [[["👍", 0], ["🎉", 1]], [["👍", 4]], [["👍", 1]]]


def test_a_screen_reader_is_not_flooded(parts: Any) -> None:
    script = """
      const digest = new m.Digest();
      const take = (...words) => { for (const one of words) digest.add(one); return digest.take(); };
      digest.add("bob: @you!", true);
      const heard = [take("a", "b", "c"), take("a", "b"), digest.take()];
      digest.add("taken back", false, { n: 1 });
      digest.drop(({ n }) => n === 1);
      return [...heard, digest.take()];
    """
    assert parts("chat-digest", script) == ["bob: @you!. 3 new messages. The last: c", "a. b", "", ""]


def test_every_code_has_words(parts: Any) -> None:
    codes = CODES.split()
    words = parts("chat-words", f"return {codes}.map((code) => m.refusal(code, 61_000))")
    assert len(set(words)) == len(codes) and not any("undefined" in one or "null" in one for one in words)
    assert "in 61 s" in words[codes.index("slow")]
    assert parts("chat-words", "return m.refusal('new_code')") == "The chat refused it (new_code)."


def test_the_rules_of_a_room_are_said(parts: Any) -> None:
    said = "return [{}, {slow_s: 10}, {followers_only_s: 0, emote_only: true}, {shield: true, slow_s: 3}].map(m.rules)"
    assert parts("chat-words", said) == [
        "",
        "Slow mode 10 s",
        "Followers only · Emoji only",
        "Shield up · Slow mode 10 s · Followers of 10 min or more",
    ]


# --- the menu -------------------------------------------------------------------------------------------------------------


def labels(parts: Any, you: str | None, by: str | None, is_own: bool = False) -> list[str]:
    me = "null" if you == "stranger" else f"{{ id: 'u1', role: {you!r} }}".replace("None", "null")
    author = f"{{ id: {'u1' if is_own else 'u2'!r}, role: {by!r} }}".replace("None", "null")
    return parts("chat-actions", f"return m.actions({{ n: 7, by: {author} }}, {me}, null).map((one) => one.label)")


def test_the_menu_offers_what_the_server_would_allow(parts: Any) -> None:
    assert labels(parts, "stranger", None) == ["Log in to answer or report"]
    assert labels(parts, None, None) == ["Reply", "Report…"]
    assert labels(parts, None, None, is_own=True) == ["Reply"]
    assert {"Ban", "Delete message", "Timeout 10 min", "Pin on top"} <= set(labels(parts, "mod", None))
    assert "Make moderator" in labels(parts, "owner", None) and "Make moderator" not in labels(parts, "mod", None)
    for by in ("owner", "staff", "mod"):
        assert not {"Ban", "Delete message"} & set(labels(parts, "mod", by))
    assert "Ban" in labels(parts, "owner", "mod") and "Ban" not in labels(parts, "owner", "staff")
    assert "Delete message" in labels(parts, "staff", "owner") and "Ban" not in labels(parts, "staff", "owner")
    assert "Delete message" in labels(parts, "mod", "mod", is_own=True)
    assert "Lift timeout or ban" in labels(parts, "mod", None) and "Lift timeout or ban" not in labels(parts, "mod", "mod")
    for you in ("mod", "owner"):
        assert "Ban from all chats of the site" not in labels(parts, you, None)
    for author in (None, "mod", "owner"):
        assert {"Ban from all chats of the site", "Lift the ban from all chats"} <= set(labels(parts, "staff", author))
    assert "Ban from all chats of the site" not in labels(parts, "staff", "staff")
