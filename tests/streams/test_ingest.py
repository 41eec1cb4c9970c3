import ipaddress
from string import ascii_letters, digits
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ingest import BadEvent, PublishEvent, is_older, parse

BOOT = "b7f3"
SERVER = {
    "app": "live",
    "flashver": "FMLE/3.0 (compatible; Lavf59.27",
    "swfurl": "",
    "tcurl": "rtmp://127.0.0.1:1935/live",
    "pageurl": "",
    "addr": "192.0.2.7",
    "clientid": "12",
    "call": "publish",
    "name": "alice_KEY-1",
}
OURS = ("app", "addr", "clientid", "call", "name")


def body(arguments: bytes = b"", /, **changes: str) -> bytes:
    """As nginx-rtmp writes it: its own fields escaped, the publisher's arguments as they are."""
    written = urlencode(SERVER | changes, quote_via=quote).encode() + b"&type=live"
    return written + b"&" + arguments if arguments else written


def refusal(made: bytes) -> BadEvent:
    with pytest.raises(BadEvent) as caught:
        parse(made, BOOT)
    return caught.value


def test_it_reads_a_publish() -> None:
    assert parse(body(), BOOT) == PublishEvent("publish", "b7f3:12", "live", "alice_KEY-1", "192.0.2.7")


def test_it_reads_the_end_of_a_publish() -> None:
    made = b"app=live&flashver=&swfurl=&tcurl=&pageurl=&addr=2001:db8::7&clientid=13&call=publish_done&name=K&x=y"
    assert parse(made, BOOT) == PublishEvent("publish_done", "b7f3:13", "live", "K", "2001:db8::7")


def test_the_key_is_not_in_the_events_repr() -> None:
    assert "alice_KEY-1" not in repr(parse(body(), BOOT))


@pytest.mark.parametrize(
    "recorded",
    [
        # a publisher that chose its tcUrl, flashVer, pageUrl or swfUrl so, as nginx-rtmp 1.2.2 reported it
        b"app=live&flashver=FMLE/3.0%20(compatible%3B%20Lavf59.27&swfurl=&tcurl=rtmp://127.0.0.1:21935/live%26addr=6.6.6.6"
        b"%26clientid=99%26name=evil%26call=publish&pageurl=&addr=127.0.0.1&clientid=1&call=publish&name=KEY1&type=live",
        b"app=live&flashver=X%26addr=6.6.6.6%26name=evil&swfurl=&tcurl=rtmp://127.0.0.1:21935/live&pageurl=&addr=127.0.0.1"
        b"&clientid=1&call=publish&name=KEY1&type=live",
        b"app=live&flashver=X&swfurl=http://y/%3Fa=b%26app=zz&tcurl=rtmp://127.0.0.1:21935/live%3Faddr=9.9.9.9&pageurl="
        b"&addr=127.0.0.1&clientid=1&call=publish&name=KEY1&type=live&x=y",
    ],
)
def test_mallory_cannot_speak_for_the_server(recorded: bytes) -> None:
    assert parse(recorded, BOOT) == PublishEvent("publish", "b7f3:1", "live", "KEY1", "127.0.0.1")


@given(arguments=st.lists(st.tuples(st.sampled_from(["type", "", "x"]), st.binary(max_size=20))))
def test_no_argument_of_mallorys_changes_the_event(arguments: list[tuple[str, bytes]]) -> None:
    appended = b"&".join(name.encode() + b"=" + quote(value).encode() for name, value in arguments)
    assert parse(body(appended), BOOT) == parse(body(), BOOT)


@pytest.mark.parametrize("name", OURS)
def test_an_argument_that_repeats_one_of_the_servers_is_refused(name: str) -> None:
    assert refusal(body(f"{name}=evil".encode())).code == "malformed_name"


@given(arguments=st.lists(st.tuples(st.sampled_from([*OURS, "type", "", "x"]), st.binary(max_size=20))))
def test_no_argument_of_mallorys_changes_the_end_of_a_publish(arguments: list[tuple[str, bytes]]) -> None:
    appended = b"&".join(name.encode() + b"=" + value for name, value in arguments)
    assert parse(body(appended, call="publish_done"), BOOT) == parse(body(call="publish_done"), BOOT)


@given(said=st.dictionaries(st.sampled_from(["flashver", "swfurl", "tcurl", "pageurl"]), st.text(max_size=60)))
def test_nothing_that_a_publisher_says_of_itself_changes_the_event(said: dict[str, str]) -> None:
    assert parse(body(**said), BOOT) == parse(body(), BOOT)


@pytest.mark.parametrize("name", ["", " ", "a b", "key&name=x", "clé", "a\0b", "key\n", "../key", "k" * 129, "%6b", "k+k"])
def test_it_refuses_a_malformed_key_without_repeating_it(name: str) -> None:
    error = refusal(body(name=name))
    assert error.code == "malformed_name"
    assert str(error) == "A stream key has letters, digits, - and _ only, 128 at most."
    assert error.__cause__ is None


def test_it_takes_the_longest_key() -> None:
    assert parse(body(name="k" * 128), BOOT).key == "k" * 128


def test_an_empty_key_is_not_filled_from_the_arguments() -> None:
    assert refusal(body(b"name=alice_KEY-1", name="")).code == "malformed_name"


@pytest.mark.parametrize(
    "changes",
    [
        {"call": "play"},
        {"call": "update_publish"},
        {"call": ""},
        {"app": "other"},
        {"app": "live "},
        {"clientid": ""},
        {"clientid": "-1"},
        {"clientid": "1:2"},
        {"clientid": "١"},
        {"clientid": "1" * 21},
        {"addr": ""},
        {"addr": "localhost"},
        {"addr": "192.0.2.7:80"},
        {"addr": "1.2.3"},
        {"addr": "unix:"},
        {"addr": "192.0.2.7\0"},
    ],
)
def test_it_refuses_what_the_server_would_not_say(changes: dict[str, str]) -> None:
    error = refusal(body(**changes))
    assert error.code == "bad_event"
    assert "alice_KEY-1" not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("missing", [name for name in OURS if name != "name"])
def test_it_refuses_an_event_without(missing: str) -> None:
    made = urlencode({name: value for name, value in SERVER.items() if name != missing}).encode()
    assert refusal(made).code == "bad_event"


def test_it_refuses_a_body_that_is_too_long() -> None:
    fits = body(b"x=" + b"y" * (8192 - len(body(b"x="))))
    assert len(fits) == 8192
    assert parse(fits, BOOT).session == "b7f3:12"
    assert refusal(fits + b"y").code == "bad_event"


@pytest.mark.parametrize("arguments", [b"x=\xff\xfe", b"x=%ff%00", b"\0", b"%", b"&&==&", b"vhost=caf%E9"])
def test_arguments_that_are_no_text_do_no_harm(arguments: bytes) -> None:
    assert parse(body(arguments), BOOT).key == "alice_KEY-1"


@pytest.mark.parametrize("made", [b"", b"\xff" * 50, b"\0", b"{}", b"name", b"name=\xff"])
def test_it_refuses_what_is_no_form(made: bytes) -> None:
    assert refusal(made).code == "bad_event"


FIELDS = st.tuples(
    st.sampled_from([*OURS, "x"]),
    st.one_of(
        st.binary(max_size=30), st.sampled_from([b"live", b"publish", b"publish_done", b"7", b"KEY", b"10.0.0.1", b"::1"])
    ),
)


@given(
    made=st.one_of(
        st.binary(max_size=300), st.lists(FIELDS).map(lambda fields: b"&".join(b"%b=%b" % (n.encode(), v) for n, v in fields))
    )
)
def test_anything_is_an_event_or_a_bad_event(made: bytes) -> None:
    try:
        event = parse(made, BOOT)
    except BadEvent as error:
        assert error.code in ("bad_event", "malformed_name")
        return
    assert event.kind in ("publish", "publish_done")
    assert event.session.removeprefix("b7f3:").isascii()
    assert event.session.removeprefix("b7f3:").isdigit()
    assert str(ipaddress.ip_address(event.addr)) == event.addr
    assert set(event.key) <= {*ascii_letters, *digits, "-", "_"}
    assert 1 <= len(event.key) <= 128


@pytest.mark.parametrize(
    ("session", "than", "older"),
    [("b:1", "b:2", True), ("b:2", "b:2", True), ("b:10", "b:9", False), ("b:1", "c:2", False), ("c:2", "b:1", False)],
)
def test_connections_are_counted_since_the_server_was_started(session: str, than: str, older: bool) -> None:
    assert is_older(session, than) is older
