import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interactions import protocol
from interactions.fields import TEXT_CHARACTERS, BadMessage, message
from interactions.protocol import Hello, IceCandidate, Mod, Offer, React, Report, Say, Switch, parse

NONCE = "abcd_EFG-1"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = "t v nonce text re media emoji count do of user seconds reason role settings on id gen sdp last"
names = st.sampled_from(NAMES.split(" "))
kinds = st.sampled_from([*protocol.READERS, "welcome", ""])
actions = st.sampled_from([*protocol.ACTIONS, "explode"])
likely = st.fixed_dictionaries({"t": kinds}, optional={"do": actions, "nonce": st.just(NONCE) | st.text()})


def frame(**fields: Any) -> str:
    """As browsers write it; half a surrogate pair can only be escaped."""
    text = json.dumps(fields, ensure_ascii=False)
    return json.dumps(fields) if any("\ud800" <= c <= "\udfff" for c in text) else text


def say(text: str, **more: Any) -> str:
    return frame(t="say", nonce=NONCE, text=text, **more)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (frame(t="hello", v=1), Hello(None, None)),
        (frame(t="hello", v=1, epoch="k3", last=18), Hello("k3", 18)),
        (say("hi", re=7, media=1_700_000_000_000), Say(NONCE, "hi", 7, 1_700_000_000_000)),
        (frame(t="react", emoji="👍", count=3), React("👍", 3)),
        (frame(t="mod", nonce=NONCE, do="delete", of=12), Mod(NONCE, "delete", {"of": 12})),
        (
            frame(t="mod", nonce=NONCE, do="timeout", user="u7", seconds=60),
            Mod(NONCE, "timeout", {"user": "u7", "seconds": 60}),
        ),
        (frame(t="mod", nonce=NONCE, do="ban", user="@bob_2"), Mod(NONCE, "ban", {"user": "@bob_2"})),
        (frame(t="mod", nonce=NONCE, do="role", user="u7", role=None), Mod(NONCE, "role", {"user": "u7", "role": None})),
        (frame(t="mod", nonce=NONCE, do="clear"), Mod(NONCE, "clear", {})),
        (frame(t="mod", nonce=NONCE, do="shield", on=True), Mod(NONCE, "shield", {"on": True})),
        (frame(t="report", nonce=NONCE, of=3, reason="spam"), Report(NONCE, 3, "spam")),
        (frame(t="rtc.offer", gen=1, sdp="v=0\r\n"), Offer(1, "v=0\r\n")),
        (frame(t="rtc.candidate", gen=1, candidate="candidate:1"), IceCandidate(1, "candidate:1")),
        (frame(t="switch", last=18), Switch(18)),
    ],
)
def test_it_reads_what_clients_send(text: str, found: protocol.Frame) -> None:
    assert parse(text) == found == parse(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 4000,
        '{"t":' * 800,
        frame(t="say", nonce=NONCE, text=7),
        frame(t="say", nonce="short", text="hi"),
        frame(t="say", text="hi"),
        frame(t="hello", v=2),
        frame(t="hello", v=True),
        frame(t="hello", v=1, last=-1),
        frame(t="hello", v=1, last=1.0),
        frame(t="hello", v=1, last=2**60),
        frame(t="hello", v=1, epoch="../x"),
        frame(t=["say"]),
        frame(t="welcome"),
        '{"t":"switch","last":NaN}',
        '{"t":"switch","last":1' + "0" * 4000 + "}",
        say("\ud800"),
        frame(t="react", emoji="👍", count=11),
        frame(t="react", emoji="", count=1),
        frame(t="mod", nonce=NONCE, do="explode"),
        frame(t="mod", nonce=NONCE, do="ban", user="7; DROP"),
        frame(t="mod", nonce=NONCE, do="timeout", user="u7", seconds=0),
        frame(t="mod", nonce=NONCE, do="role", user="u7"),
        frame(t="mod", nonce=NONCE, do="role", user="u7", role="owner"),
        frame(t="mod", nonce=NONCE, do="set", settings={}),
    ],
)
def test_it_refuses_what_it_does_not_understand(text: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(text)
    assert refused.value.code == "bad_message"


@pytest.mark.parametrize("data", [b"\xff\xfe", b'{"t":"say","text":"\xc3"}', "\udcff"])
def test_what_is_not_unicode_is_refused(data: str | bytes) -> None:
    with pytest.raises(BadMessage):
        parse(data)


@given(st.binary(max_size=200) | st.text(max_size=200))
@example(b"\x00")
@example("\x00")
def test_whatever_comes_it_is_a_frame_or_refused(data: str | bytes) -> None:
    try:
        assert isinstance(parse(data), protocol.Frame)
    except BadMessage as error:
        assert error.code in ("bad_message", "empty", "too_long")


@given(likely, st.dictionaries(names, json_values, max_size=5))
def test_no_value_in_any_field_does_more_than_be_refused(fields: dict[str, Any], more: dict[str, Any]) -> None:
    try:
        found = parse(json.dumps(more | fields))
    except BadMessage as error:
        assert error.nonce is None or protocol.NONCE.fullmatch(error.nonce)
    else:
        assert isinstance(found, protocol.Frame)


@given(st.text())
def test_a_message_is_short_visible_and_on_one_line(text: str) -> None:
    try:
        kept = message(text)
    except BadMessage:
        return
    assert 0 < len(kept) <= TEXT_CHARACTERS
    assert "\n" not in kept and "\x00" not in kept
    assert message(kept) == kept
    assert json.loads(protocol.encode({"text": kept}).encode()) == {"text": kept}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  hi \r\n there\x00\x1b[31m ", "hi    there[31m"),
        ("e\u0301", "é"),
        ("abc\u202edef\u2066", "abcdef"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_text_is_made_plain(text: str, kept: str) -> None:
    assert message(text) == kept


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d", "\u0301", "\n"])
def test_a_message_without_anything_to_see_is_empty(text: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(say(text))
    assert (refused.value.code, refused.value.nonce) == ("empty", NONCE)


def test_a_message_may_have_five_hundred_characters() -> None:
    assert parse(say("🙂" * 500)).text == "🙂" * 500  # type: ignore[union-attr]
    with pytest.raises(BadMessage) as refused:
        parse(say("x" * 501))
    assert (refused.value.code, refused.value.nonce) == ("too_long", NONCE)


def test_only_an_offer_may_be_long() -> None:
    assert parse(frame(t="rtc.offer", gen=1, sdp="x" * 16_000))
    for text in (frame(t="rtc.offer", gen=1, sdp="x" * 17_000), frame(t="hello", v=1, x="x" * 5_000), "x" * 30_000):
        with pytest.raises(BadMessage) as refused:
            parse(text)
        assert refused.value.code == "too_long"


@pytest.mark.parametrize(
    ("media", "kept"), [(None, None), (1_000_000, 1_000_000), (399_999, None), (1_010_001, None), (0, None)]
)
def test_a_media_time_that_nobody_can_be_seeing_is_dropped(media: int | None, kept: int | None) -> None:
    assert protocol.near(media, now_ms=1_000_000) == kept


def test_items_become_one_array() -> None:
    items = [protocol.encode({"t": "rx", "counts": {"👍": 1}}), protocol.encode(protocol.no("slow", NONCE, 12))]
    assert json.loads(protocol.frame(items)) == [
        {"t": "rx", "counts": {"👍": 1}},
        {"t": "no", "code": "slow", "nonce": NONCE, "wait_ms": 12},
    ]
